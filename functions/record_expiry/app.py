"""Every hour: marks the records whose date has come as expired, in batches with a transaction each."""

from slowmatch.jobs import Context, Continue, serve
from slowmatch.records import expiry
from slowmatch.telemetry import count

JOB = "record-expiry"


def expire(context: Context) -> dict[str, object] | Continue:
    before = context.cursor.get("done", 0)
    update = expiry.BatchUpdate(
        context.con,
        expiry.expiration(context.now),
        batch_size=context.payload.get("batch_size", context.config.batch_size),
        actor=JOB,
        done=before,
    )
    try:
        for done in update:
            context.progress(done, update.total)
            if context.checkpoint():
                return Continue({"done": update.done})
        return {"expired": update.done}
    finally:
        count("RecordsExpired", update.done - before)


handler = serve(JOB, expire)
