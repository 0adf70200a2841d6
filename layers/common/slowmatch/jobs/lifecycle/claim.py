"""Claims a run: starts its next attempt, for as long as the worker's lease lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection, StatementError
from slowmatch.text import to_json

MAX_EARLY_START = timedelta(seconds=1)
"""How long before its due time a run may start: SQS delays messages by whole seconds."""


class Busy(Exception):
    """The job is exclusive, and another of its runs is processing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who may process a run, from when and until when (aware)."""

    worker: str
    request_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class LeasedAttempt:
    """An attempt that a worker owns until `lease_until`. `failures` are those before it."""

    run_id: str
    job: str
    attempt: int
    failures: int
    max_attempts: int
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAttempt(LeasedAttempt):
    """An attempt of this worker.

    `run_started_at` is the start of the run's first attempt since it was last requeued, `started_at` of this one.
    """

    payload: dict[str, Any]
    cursor: dict[str, Any]
    occurrence: datetime | None
    run_started_at: datetime
    started_at: datetime


FEW = "attempt BETWEEN 1 AND 2147483647"
"""True for every attempt, and PostgreSQL expects it of one in 200, so it looks up each run by its primary key.

Otherwise it expects a hundred runs, prefers to read a small table whole, and keeps that plan while the table grows:
a thousand runs then took twice as long to claim and finish after five thousand others.
"""
# IS TRUE hides the conditions from the planner, so that it always uses the primary key. With statistics from a time
# when few runs waited, it would scan an index of all waiting runs instead.
_CLAIM = f"""
    WITH wanted AS (
        SELECT run_id, attempt
        FROM jsonb_to_recordset(:wanted::jsonb) AS each(run_id uuid, attempt integer)
        WHERE {FEW}
    ), waiting AS (
        SELECT run.id, run.state
        FROM wanted, LATERAL (
            SELECT id, state
            FROM job_run
            WHERE id = wanted.run_id
              AND (
                  job = :job
                  AND attempt = wanted.attempt - 1
                  AND state IN ('enqueued', 'scheduled')
                  AND due_at <= :due_by::timestamptz
                  AND NOT (claim_alone AND :in_batch::boolean)
              ) IS TRUE
            LIMIT 1
            %s
        ) AS run
    ), claimed AS (
        UPDATE job_run AS run
        SET state = 'processing',
            attempt = run.attempt + 1,
            in_batch = :in_batch::boolean,
            lease_until = :lease_until::timestamptz,
            started_at = COALESCE(run.started_at, :now::timestamptz)
        FROM waiting
        WHERE run.id = waiting.id
        RETURNING run.*, waiting.state AS from_state
    ), attempt AS (
        INSERT INTO job_attempt (run_id, number, worker, request_id, started_at)
        SELECT id, attempt, :worker, :request_id, :now::timestamptz
        FROM claimed
    ), event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, from_state, state, 'attempt ' || attempt, :worker
        FROM claimed
    )
    SELECT id::text, attempt, failures, max_attempts, payload, cursor, occurrence, started_at
    FROM claimed
"""
CLAIM = _CLAIM % "FOR UPDATE"
CLAIM_BATCH = _CLAIM % "FOR UPDATE SKIP LOCKED"


def claim(con: Connection, job: str, run_id: str, *, attempt: int, lease: Lease) -> ClaimedAttempt | None:
    """Start attempt number `attempt` of a run of `job`. Waits for whoever has locked the run.

    None if the run is not due, is not waiting for this attempt, or is another job's. Raises Busy.
    """
    try:
        claimed = _claim(con, CLAIM, job, {run_id: attempt}, lease)
    except StatementError as error:
        if error.constraint == "job_run_exclusive":
            raise Busy from error
        raise
    return claimed[0] if claimed else None


def claim_batch(
    con: Connection, job: str, attempts: Mapping[str, int], *, lease: Lease
) -> list[ClaimedAttempt]:
    """Start these attempts, by the ids of their runs, all in one statement, if `job` is not exclusive.

    Left out are runs that `claim` would refuse, that somebody has locked, and whose last attempt was lost.
    """
    return _claim(con, CLAIM_BATCH, job, attempts, lease, in_batch=True)


def _claim(
    con: Connection, sql: str, job: str, attempts: Mapping[str, int], lease: Lease, *, in_batch: bool = False
) -> list[ClaimedAttempt]:
    rows = con.query(
        sql,
        wanted=to_json([{"run_id": run_id, "attempt": attempts[run_id]} for run_id in sorted(attempts)]),
        job=job,
        in_batch=in_batch,
        due_by=lease.since + MAX_EARLY_START,
        now=lease.since,
        lease_until=lease.until,
        worker=lease.worker,
        request_id=lease.request_id,
    )
    return [
        ClaimedAttempt(
            run_id=run_id,
            job=job,
            attempt=attempt,
            failures=failures,
            max_attempts=max_attempts,
            payload=payload,
            cursor=cursor or {},
            occurrence=occurrence,
            run_started_at=run_started_at,
            started_at=lease.since,
            lease_until=lease.until,
        )
        for run_id, attempt, failures, max_attempts, payload, cursor, occurrence, run_started_at in rows
    ]
