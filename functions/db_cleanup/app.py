"""Every day: deletes the records that expired longer ago than the retention, or only counts them."""

from datetime import timedelta

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import expiry
from slowmatch.telemetry import count

JOB = "db-cleanup"


def clean_up(context: Context) -> dict[str, object] | Continue:
    days = context.payload.get("older_than_days", context.config.record_retention_days)
    deletion = expiry.deletion(context.now, timedelta(days=days))
    if context.payload.get("dry_run"):
        return {"would_delete": expiry.count(context.con, deletion)}
    before = context.cursor.get("done", 0)
    update = expiry.BatchUpdate(
        context.con, deletion, batch_size=context.config.batch_size, actor=JOB, done=before
    )
    try:
        for done in update:
            context.progress(done, update.total)
            if context.checkpoint():
                return Continue({"done": update.done})
        return {"deleted": update.done}
    finally:
        count("RecordsDeleted", update.done - before)


handler = serve(JOB, clean_up)
