"""The execution environments that worked lately, and what each is doing."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection

SEEN = timedelta(minutes=30)

# A lost attempt ends when somebody notices; its worker was last seen when it started.
_WORKERS = """
    WITH tried AS (
        SELECT attempt.*, run.job, run.lease_until,
               run.state = 'processing' AND run.attempt = attempt.number AS is_open,
               CASE WHEN outcome = 'lost' THEN attempt.started_at
                    ELSE COALESCE(attempt.finished_at, attempt.started_at) END AS seen_at
        FROM (
            SELECT run_id, number FROM job_attempt WHERE started_at >= CAST(:since AS timestamptz)
            UNION SELECT run_id, number FROM job_attempt WHERE finished_at >= CAST(:since AS timestamptz)
            UNION SELECT id, attempt FROM job_run WHERE state = 'processing'
        ) AS lately
        JOIN job_attempt AS attempt USING (run_id, number)
        JOIN job_run AS run ON run.id = lately.run_id
    ), summed AS (
        SELECT worker, count(*) AS attempts, count(*) FILTER (WHERE outcome IN ('failed', 'lost')) AS failed,
               max(seen_at) AS last_seen
        FROM tried GROUP BY worker
    ), latest AS (
        SELECT DISTINCT ON (worker) * FROM tried ORDER BY worker, is_open DESC, started_at DESC
    )
    SELECT COALESCE(json_agg(json_build_object(
        'worker', worker,
        'job', job,
        'run_id', CASE WHEN is_open THEN run_id END,
        'since', CASE WHEN is_open THEN started_at END,
        'last_seen', last_seen,
        'attempts', attempts,
        'failed', failed,
        'stale', is_open AND lease_until < CAST(:now AS timestamptz)
    ) ORDER BY job, worker), '[]')
    FROM summed JOIN latest USING (worker)
    WHERE is_open OR last_seen >= CAST(:since AS timestamptz)
"""


def workers(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """Workers seen in the last 30 minutes, those of one job together.

    `run_id` and `since` say what a worker is doing; it is `stale` when the lease on that is over.
    """
    ((found,),) = con.query(_WORKERS, now=now, since=now - SEEN)
    return list(found)
