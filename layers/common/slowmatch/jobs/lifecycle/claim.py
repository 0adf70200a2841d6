"""How an attempt begins, in SQL: a claim is one statement.

The commit of a claim does not wait for the disk: it is visible to all at once, and when the server crashes within
the next moments the run waits again, as if nobody had come. Two workers may then have been given the same attempt,
so what is owned is (run, attempt, lease_until): the lease is written by a claim and never changed.

IS TRUE keeps a condition away from indexes, so that a run is always looked up by its id: when few runs waited
at the planner's last look, it would rather read all that wait now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection, StatementError
from slowmatch.jobs.definition import Job
from slowmatch.jobs.ids import new_run_id
from slowmatch.text import to_json

MAX_EARLY_START = timedelta(seconds=1)
"""A delayed message may come this much before its time: SQS counts in whole seconds."""


class Busy(Exception):
    """The job is exclusive and another run of it is being processed."""


@dataclass(frozen=True, slots=True)
class ClaimedAttempt:
    """One attempt of a run, held by this worker until `lease_until`.

    `began_at` is when the run's first attempt started since somebody last queued it, `started_at` when this one did.
    """

    run_id: str
    job: str
    attempt: int
    failures: int
    max_attempts: int
    payload: dict[str, Any]
    cursor: dict[str, Any]
    occurrence: datetime | None
    exclusive: bool
    began_at: datetime
    started_at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Who claims, and for how long."""

    worker: str
    request_id: str
    now: datetime
    lease_until: datetime


_OPEN_ATTEMPT = """
    opened AS (
        INSERT INTO job_attempt (run_id, number, worker, request_id, started_at)
        SELECT id, attempt, :worker, :request_id, CAST(:now AS timestamptz) FROM claimed
    )
"""
CLAIMED = """
    claimed.id::text, claimed.job, claimed.attempt, claimed.failures, claimed.max_attempts, claimed.payload,
    claimed.cursor, claimed.occurrence, claimed.exclusive, claimed.started_at
"""
# Not that of an exclusive job: a claim that was taken back would let two of its runs work at the same time.
_WITHOUT_WAITING = "(claimed.exclusive OR set_config('synchronous_commit', 'off', true) = 'off')"


def starting(condition: str, lock: str = "") -> str:
    """The parts of a statement that start attempt :start_attempt of the run :start_id, if it waits."""
    return f"""
        waiting AS (
            SELECT id, state FROM job_run
            WHERE id = CAST(:start_id AS uuid)
              AND (
                  job = CAST(:job AS text)
                  AND attempt = CAST(:start_attempt AS integer) - 1
                  AND state IN ('enqueued', 'scheduled')
                  AND {condition}
              ) IS TRUE
            FOR UPDATE {lock}
        ), claimed AS (
            UPDATE job_run AS run
            SET state = 'processing', attempt = run.attempt + 1, lease_until = CAST(:lease_until AS timestamptz),
                started_at = COALESCE(run.started_at, CAST(:now AS timestamptz))
            FROM waiting WHERE run.id = waiting.id
            RETURNING run.*, waiting.state AS was
        ), {_OPEN_ATTEMPT}, started AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), was, 'processing', 'attempt ' || attempt, :worker FROM claimed
        )
    """


def claim(con: Connection, job: str, run_id: str, attempt: int, holder: Lease) -> ClaimedAttempt | None:
    """Start attempt number `attempt` of a run of `job` that is due; None when it is not there to be started.

    Not within a transaction, whose commit would not wait either. Raises Busy.
    """
    return _claimed(
        con,
        f"""
        WITH {starting("due_at <= CAST(:due_by AS timestamptz)")}
        SELECT {CLAIMED} FROM claimed WHERE {_WITHOUT_WAITING}
        """,
        holder,
        job=job,
        start_id=run_id,
        start_attempt=attempt,
        due_by=holder.now + MAX_EARLY_START,
    )


def start(
    con: Connection,
    spec: Job,
    holder: Lease,
    *,
    trigger: str,
    actor: str,
    payload: dict[str, Any] | None = None,
    occurrence: datetime | None = None,
) -> ClaimedAttempt | None:
    """Create a run and start its first attempt in one statement. Its commit waits: nothing else tells of the run.

    None when the occurrence has its run already, or a schedule is paused. Raises Busy.
    """
    return _claimed(
        con,
        f"""
        WITH claimed AS (
            INSERT INTO job_run (
                id, job, state, exclusive, payload, trigger, triggered_by, occurrence,
                attempt, max_attempts, due_at, lease_until, created_at, started_at
            )
            SELECT CAST(:run_id AS uuid), :job, 'processing', CAST(:exclusive AS boolean), CAST(:payload AS jsonb),
                   CAST(:trigger AS text), :actor, CAST(:occurrence AS timestamptz),
                   1, CAST(:max_attempts AS integer), CAST(:now AS timestamptz), CAST(:lease_until AS timestamptz),
                   CAST(:now AS timestamptz), CAST(:now AS timestamptz)
            WHERE CAST(:trigger AS text) <> 'schedule'
               OR NOT EXISTS (SELECT FROM job WHERE name = :job AND paused_at IS NOT NULL)
            ON CONFLICT (job, occurrence) DO NOTHING
            RETURNING *
        ), {_OPEN_ATTEMPT}, noted AS (
            INSERT INTO job_event (run_id, at, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), 'processing', 'started by ' || trigger, :actor FROM claimed
        )
        SELECT {CLAIMED} FROM claimed
        """,
        holder,
        run_id=new_run_id(),
        job=spec.name,
        exclusive=spec.exclusive,
        payload=to_json(payload or {}),
        trigger=trigger,
        actor=actor,
        occurrence=occurrence,
        max_attempts=spec.max_attempts,
    )


def _claimed(con: Connection, sql: str, holder: Lease, **params: Any) -> ClaimedAttempt | None:
    try:
        rows = con.query(sql, **held(holder), now=holder.now, **params)
    except StatementError as error:
        if error.constraint == "job_run_exclusive":
            raise Busy from error
        raise
    return read(rows[0], holder) if rows else None


def held(holder: Lease) -> dict[str, Any]:
    return {"worker": holder.worker, "request_id": holder.request_id, "lease_until": holder.lease_until}


def read(row: list[Any], holder: Lease) -> ClaimedAttempt:
    run_id, job, attempt, failures, max_attempts, payload, cursor, occurrence, exclusive, began_at = row
    return ClaimedAttempt(
        run_id,
        job,
        attempt,
        failures,
        max_attempts,
        payload,
        cursor or {},
        occurrence,
        exclusive,
        began_at,
        holder.now,
        holder.lease_until,
    )
