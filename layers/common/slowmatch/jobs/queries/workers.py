"""The execution environments that worked lately, and what each is doing."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.unchanged import unchanged
from slowmatch.jobs.queries.health import KEPT_SECONDS

SEEN = timedelta(minutes=30)

LONGEST = timedelta(minutes=15)
"""An attempt that ended in SEEN began this much earlier at most: Lambda's own limit."""

# A lost attempt ends when somebody notices; its worker was last seen when it started.
_WORKERS = """
    WITH lately AS (
        SELECT run_id, number, worker, started_at, outcome, false AS is_old,
               CASE WHEN outcome = 'lost' THEN started_at ELSE COALESCE(finished_at, started_at) END AS seen_at
        FROM job_attempt WHERE started_at >= CAST(:began AS timestamptz)
        UNION ALL
        SELECT run_id, number, worker, tried.started_at, outcome, true, tried.started_at
        FROM job_run AS run JOIN job_attempt AS tried ON tried.run_id = run.id AND tried.number = run.attempt
        WHERE run.state = 'processing' AND tried.started_at < CAST(:began AS timestamptz)
    ), summed AS (
        SELECT worker, count(*) AS attempts, count(*) FILTER (WHERE outcome IN ('failed', 'lost')) AS failed,
               max(seen_at) AS last_seen
        FROM lately GROUP BY worker
    ), latest AS (
        SELECT last.*, run.job, run.lease_until,
               run.state = 'processing' AND run.attempt = last.number AS is_open
        FROM (
            SELECT DISTINCT ON (worker) * FROM lately ORDER BY worker, outcome IS NULL DESC, started_at DESC
        ) AS last
        JOIN job_run AS run ON run.id = last.run_id
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
    WHERE is_old OR last_seen >= CAST(:since AS timestamptz)
"""


def workers(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """Workers seen in the last 30 minutes or with a run that never ended, those of one job together.

    `run_id` and `since` say what a worker is doing; it is `stale` when the lease on that is over.
    """
    times = {"now": now, "since": now - SEEN, "began": now - SEEN - LONGEST}
    moment = int(now.timestamp()) // KEPT_SECONDS
    ((found,),) = unchanged(con, ("workers", moment), lambda: con.query(_WORKERS, **times))
    return list(found)
