"""Figures for the API's statistics and health."""

from datetime import datetime, timedelta

from slowmatch.db import Connection


def stats(con: Connection, now: datetime, hours: int) -> str:
    """Counts by state and hourly figures of the last `hours`, as JSON text.

    `succeeded` and `deleted` count the last `hours` by the roll-up; the other states are counted as they are.
    """
    ((text,),) = con.query(
        """
        SELECT json_build_object(
            'at', CAST(:now AS timestamptz),
            'states', json_build_object(
                'enqueued', (SELECT count(*) FROM job_run WHERE state = 'enqueued'),
                'scheduled', (SELECT count(*) FROM job_run WHERE state = 'scheduled'),
                'processing', (SELECT count(*) FROM job_run WHERE state = 'processing'),
                'failed', (SELECT count(*) FROM job_run WHERE state = 'failed'),
                'succeeded', (
                    SELECT COALESCE(sum(succeeded), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
                ),
                'deleted', (SELECT COALESCE(sum(deleted), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz))
            ),
            'retrying', (SELECT count(*) FROM job_run WHERE state = 'scheduled' AND failures > 0),
            'missed', (
                SELECT count(*) FROM job_missed AS missed
                WHERE noticed_at >= CAST(:since AS timestamptz) AND NOT EXISTS (
                    SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence
                )
            ),
            'oldest_waiting_at', (
                SELECT min(due_at) FROM job_run
                WHERE state IN ('enqueued', 'scheduled') AND due_at <= CAST(:now AS timestamptz)
            ),
            'hours', (
                SELECT COALESCE(json_agg(to_json(job_hour) ORDER BY hour, job), '[]')
                FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
            )
        )::text
        """,
        now=now,
        since=now - timedelta(hours=hours),
    )
    return str(text)


def last_dispatcher_tick(con: Connection) -> datetime | None:
    rows = con.query("SELECT finished_at FROM dispatcher_tick")
    return rows[0][0] if rows else None
