"""Daily: removes the records that are expired for longer than the retention, or only counts them."""

from datetime import timedelta

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import upkeep
from slowmatch.telemetry import count

JOB = "db-cleanup"


def clean_up(context: Context) -> dict[str, object] | Continue:
    days = context.payload.get("older_than_days", context.settings.record_retention_days)
    older_than = timedelta(days=days)
    before = done = int(context.cursor.get("done", 0))
    stale = upkeep.count_stale(context.con, context.now, older_than)
    if context.payload.get("dry_run"):
        return {"would_delete": stale}
    total = done + stale
    try:
        while batch := upkeep.delete_stale_batch(
            context.con, context.now, older_than, context.settings.batch_size, JOB
        ):
            done += batch
            context.progress(done, total)
            if context.checkpoint():
                return Continue({"done": done})
        return {"deleted": done}
    finally:
        count("RecordsDeleted", done - before)


handler = serve(JOB, clean_up)
