"""Hourly: marks the records whose date has come as expired, in batches, each a transaction of its own."""

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import upkeep
from slowmatch.records.sweep import Sweep
from slowmatch.telemetry import count

JOB = "record-expiry"


def expire(context: Context) -> dict[str, object] | Continue:
    batch_size = context.payload.get("batch_size", context.config.batch_size)
    sweep = Sweep(context.con, upkeep.due(context.now), batch_size, JOB, context.cursor)
    before = sweep.done
    try:
        for done in sweep:
            context.progress(done, sweep.total)
            if context.checkpoint():
                return Continue(sweep.cursor)
        return {"expired": sweep.done}
    finally:
        count("RecordsExpired", sweep.done - before)


handler = serve(JOB, expire)
