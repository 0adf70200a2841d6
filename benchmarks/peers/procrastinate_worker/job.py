"""Expiry of records as a periodic task of procrastinate, with psycopg, in batches."""

import os

import psycopg
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

EXPIRE = """
    UPDATE record SET is_expired = true
    WHERE id IN (
        SELECT id FROM record
        WHERE NOT is_expired AND expiry_date <= now()
        ORDER BY expiry_date
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
"""

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


@app.periodic(cron="0 * * * *")
@app.task(
    queue="expiry",
    queueing_lock="record-expiry",
    pass_context=True,
    retry=RetryStrategy(max_attempts=10, exponential_wait=3),
)
# Every periodic task gets its timestamp.
def expire(context: JobContext, timestamp: int, batch_size: int = 10_000) -> int:  # noqa: ARG001
    expired = 0
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        while batch := connection.execute(EXPIRE, {"limit": batch_size}).rowcount:
            expired += batch
            if context.should_abort():
                break
    return expired
