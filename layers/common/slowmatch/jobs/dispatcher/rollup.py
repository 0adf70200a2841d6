"""Counts the hourly figures, from events and attempts, which never change."""

from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.jobs.queries.metrics import WAITED_MS, counted_to, start_of_hour

MAX_CATCH_UP = timedelta(hours=22)
"""After a longer silence, older hours stay as they are: their runs may be purged already."""


def roll_up(con: Connection, now: datetime) -> None:
    """Count the last two hours and those that were not counted since. Repeating it changes nothing."""
    start = max(
        min(start_of_hour(now) - timedelta(hours=1), start_of_hour(counted_to(con, now))),
        start_of_hour(now - MAX_CATCH_UP),
    )
    with con.transaction():
        con.query(HOURS, start=start, now=now)
        con.query(ERRORS, start=start, now=now)
        con.query(MARK, now=now)


HOURS = f"""
    WITH transitions AS (
        SELECT run.job, date_trunc('hour', event.at, 'UTC') AS hour,
               count(*) FILTER (WHERE to_state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE to_state = 'failed') AS failed,
               count(*) FILTER (WHERE to_state = 'deleted') AS deleted,
               count(*) FILTER (WHERE from_state = 'processing' AND to_state = 'scheduled') AS retried
        FROM job_event AS event JOIN job_run AS run ON run.id = event.run_id
        WHERE event.at >= :start::timestamptz AND event.at < :now::timestamptz
        GROUP BY 1, 2
    ), durations AS (
        SELECT run.job, date_trunc('hour', attempt.finished_at, 'UTC') AS hour, count(*) AS attempts,
               percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
                   ORDER BY extract(epoch FROM attempt.finished_at - attempt.started_at) * 1000
               ) AS ms, {WAITED_MS} AS waited_ms
        FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
        WHERE attempt.finished_at >= :start::timestamptz AND attempt.finished_at < :now::timestamptz
        GROUP BY 1, 2
    )
    INSERT INTO job_hour (job, hour, succeeded, failed, deleted, retried, attempts, p50_ms, p95_ms,
                          wait_p50_ms, wait_p95_ms)
    SELECT job, hour, COALESCE(succeeded, 0), COALESCE(failed, 0), COALESCE(deleted, 0), COALESCE(retried, 0),
           COALESCE(attempts, 0), ms[1], ms[2], waited_ms[1], waited_ms[2]
    FROM transitions FULL JOIN durations USING (job, hour)
    ON CONFLICT (job, hour) DO UPDATE
    SET succeeded = EXCLUDED.succeeded, failed = EXCLUDED.failed, deleted = EXCLUDED.deleted,
        retried = EXCLUDED.retried, attempts = EXCLUDED.attempts, p50_ms = EXCLUDED.p50_ms, p95_ms = EXCLUDED.p95_ms,
        wait_p50_ms = EXCLUDED.wait_p50_ms, wait_p95_ms = EXCLUDED.wait_p95_ms
"""

ERRORS = """
    INSERT INTO job_hour_error (job, hour, error_type, count, last_run_id, last_at)
    SELECT run.job, date_trunc('hour', attempt.finished_at, 'UTC'), attempt.error_type, count(*),
           (array_agg(attempt.run_id ORDER BY attempt.finished_at DESC))[1], max(attempt.finished_at)
    FROM job_attempt AS attempt JOIN job_run AS run ON run.id = attempt.run_id
    WHERE attempt.finished_at >= :start::timestamptz AND attempt.finished_at < :now::timestamptz
      AND attempt.error_type IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (job, hour, error_type) DO UPDATE
    SET count = EXCLUDED.count, last_run_id = EXCLUDED.last_run_id, last_at = EXCLUDED.last_at
"""

MARK = """
    INSERT INTO roll_up (subject, counted_to) VALUES ('runs', :now::timestamptz)
    ON CONFLICT (subject) DO UPDATE SET counted_to = EXCLUDED.counted_to
"""
