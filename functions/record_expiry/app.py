"""Hourly: marks the records whose date has come as expired, in batches, each a transaction of its own."""

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import upkeep
from slowmatch.telemetry import count

JOB = "record-expiry"


def expire(context: Context) -> dict[str, object] | Continue:
    batch_size = context.payload.get("batch_size", context.settings.batch_size)
    before = done = int(context.cursor.get("done", 0))
    total = done + upkeep.count_due(context.con, context.now)
    try:
        while batch := upkeep.expire_batch(context.con, context.now, batch_size, JOB):
            done += batch
            context.progress(done, total)
            if context.checkpoint():
                return Continue({"done": done})
        return {"expired": done}
    finally:
        count("RecordsExpired", done - before)


handler = serve(JOB, expire)
