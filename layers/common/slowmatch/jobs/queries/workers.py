"""The workers (Lambda environments) that worked lately, and what each is doing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached, moment

SEEN_WITHIN = timedelta(minutes=30)
MAX_ATTEMPT = timedelta(minutes=15)
"""How long an attempt can take, by Lambda's own limit."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """`attempts` and `failed` count those since `began`; `run_id` and `since` say what the worker is doing.

    A worker is `stale` when the lease on that run is over.
    """

    worker: str
    job: str
    run_id: str | None
    since: datetime | None
    last_seen: datetime
    attempts: int
    failed: int
    stale: bool


def workers(con: Connection, now: datetime) -> list[WorkerStatus]:
    """Workers seen within SEEN_WITHIN or with a run that never ended, ordered by job."""
    since = now - SEEN_WITHIN

    def find() -> list[WorkerStatus]:
        rows = con.query(_WORKERS, now=now, since=since, began=since - MAX_ATTEMPT)
        return [WorkerStatus(*row) for row in rows]

    return cached(con, ("workers", moment(now)), find)


# A lost attempt ends when the dispatcher notices; its worker was last seen when it started.
_WORKERS = """
    WITH lately AS (
        SELECT run_id, number, worker, started_at, outcome, false AS is_old,
               CASE WHEN outcome = 'lost' THEN started_at ELSE COALESCE(finished_at, started_at) END AS seen_at
        FROM job_attempt WHERE started_at >= :began::timestamptz
        UNION ALL
        SELECT run_id, number, worker, attempt.started_at, outcome, true, attempt.started_at
        FROM job_run AS run JOIN job_attempt AS attempt ON attempt.run_id = run.id AND attempt.number = run.attempt
        WHERE run.state = 'processing' AND attempt.started_at < :began::timestamptz
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
    SELECT worker, job, CASE WHEN is_open THEN run_id::text END, CASE WHEN is_open THEN started_at END,
           last_seen, attempts, failed, is_open AND lease_until < :now::timestamptz
    FROM summed JOIN latest USING (worker)
    WHERE is_old OR last_seen >= :since::timestamptz
    ORDER BY job, worker
"""
