"""Daily: removes the records that are expired for longer than the retention, or only counts them."""

from datetime import timedelta

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import upkeep
from slowmatch.records.sweep import Sweep
from slowmatch.telemetry import count

JOB = "db-cleanup"


def clean_up(context: Context) -> dict[str, object] | Continue:
    days = context.payload.get("older_than_days", context.config.record_retention_days)
    stale = upkeep.stale(context.now, timedelta(days=days))
    if context.payload.get("dry_run"):
        return {"would_delete": upkeep.count(context.con, stale)}
    sweep = Sweep(context.con, stale, context.config.batch_size, JOB, context.cursor)
    before = sweep.done
    try:
        for done in sweep:
            context.progress(done, sweep.total)
            if context.checkpoint():
                return Continue(sweep.cursor)
        return {"deleted": sweep.done}
    finally:
        count("RecordsDeleted", sweep.done - before)


handler = serve(JOB, clean_up)
