"""Claims a run: starts its next attempt, for as long as the worker's lease lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection, StatementError

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


# IS TRUE hides the conditions from the planner, so that it always uses the primary key. With statistics from a time
# when few runs waited, it would scan an index of all waiting runs instead.
CLAIM = """
    WITH waiting AS (
        SELECT id, state
        FROM job_run
        WHERE id = :run_id::uuid
          AND (
              job = :job
              AND attempt = :attempt::integer - 1
              AND state IN ('enqueued', 'scheduled')
              AND due_at <= :due_by::timestamptz
          ) IS TRUE
        FOR UPDATE
    ), claimed AS (
        UPDATE job_run AS run
        SET state = 'processing',
            attempt = run.attempt + 1,
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
    SELECT failures, max_attempts, payload, cursor, occurrence, started_at
    FROM claimed
"""


def claim(con: Connection, job: str, run_id: str, *, attempt: int, lease: Lease) -> ClaimedAttempt | None:
    """Start attempt number `attempt` of a run of `job`.

    None if the run is not due, is not waiting for this attempt, or is another job's. Raises Busy.
    """
    try:
        rows = con.query(
            CLAIM,
            run_id=run_id,
            job=job,
            attempt=attempt,
            due_by=lease.since + MAX_EARLY_START,
            now=lease.since,
            lease_until=lease.until,
            worker=lease.worker,
            request_id=lease.request_id,
        )
    except StatementError as error:
        if error.constraint == "job_run_exclusive":
            raise Busy from error
        raise
    if not rows:
        return None
    ((failures, max_attempts, payload, cursor, occurrence, run_started_at),) = rows
    return ClaimedAttempt(
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
