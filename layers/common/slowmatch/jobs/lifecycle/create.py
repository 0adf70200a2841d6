"""Creates runs, all with one statement: enqueued, scheduled, or claimed at once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.ids import new_run_id
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt, Lease
from slowmatch.jobs.model import RunState, Trigger
from slowmatch.text import to_json

# Three unique indexes may conflict: an occurrence and an idempotency key have one run each, and an exclusive job has
# one run that processes.
CREATE_RUNS = """
    WITH new AS (
        SELECT *
        FROM jsonb_to_recordset(:runs::jsonb) AS each(
            id uuid, payload jsonb, idempotency_key text, request_digest text
        )
    ), created AS (
        INSERT INTO job_run (
            id, job, state, exclusive, payload, trigger, triggered_by, schedule, occurrence, attempt, max_attempts,
            due_at, message_at, lease_until, created_at, started_at, finished_at, idempotency_key, request_digest
        )
        SELECT id, :job, :state, :exclusive::boolean, payload, :trigger, :actor, :schedule,
               :occurrence::timestamptz, :attempt::integer, :max_attempts::integer,
               :due_at::timestamptz, :message_at::timestamptz, :lease_until::timestamptz, :now::timestamptz,
               :started_at::timestamptz, :finished_at::timestamptz, idempotency_key, request_digest
        FROM new
        ON CONFLICT DO NOTHING
        RETURNING id, state, attempt
    ), attempt AS (
        INSERT INTO job_attempt (run_id, number, worker, request_id, started_at)
        SELECT id, attempt, :worker, :request_id, :started_at::timestamptz
        FROM created
        WHERE state = 'processing'
    ), event AS (
        INSERT INTO job_event (run_id, at, to_state, reason, actor)
        SELECT id, :now::timestamptz, state, :reason, :actor
        FROM created
    )
    SELECT id::text FROM created
"""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What one of several runs that are created together has of its own."""

    payload: dict[str, Any]
    idempotency_key: str | None = None
    request_digest: str | None = None
    id: str = field(default_factory=new_run_id)


def create_runs(
    con: Connection | ExternalConnection,
    job: Job,
    state: RunState,
    new: Sequence[NewRun],
    *,
    now: datetime,
    trigger: Trigger,
    actor: str,
    reason: str,
    schedule: str = "",
    occurrence: datetime | None = None,
    due_at: datetime | None = None,
    message_at: datetime | None = None,
    lease: Lease | None = None,
) -> set[str]:
    """Create runs in `state` and return their ids. With a `lease`, their first attempts start.

    An `occurrence` is one of `schedule`, which was made at run time, or of the job's rule.

    Left out are those whose occurrence or key has a run already, and, with a lease, those of an exclusive job that
    is processing another run.
    """
    rows = con.query(
        CREATE_RUNS,
        runs=to_json([asdict(each) for each in new]),
        job=job.name,
        state=state,
        exclusive=job.exclusive,
        trigger=trigger,
        actor=actor,
        schedule=schedule,
        occurrence=occurrence,
        attempt=1 if lease else 0,
        max_attempts=job.max_attempts,
        due_at=due_at or now,
        message_at=message_at,
        lease_until=lease.until if lease else None,
        worker=lease.worker if lease else None,
        request_id=lease.request_id if lease else None,
        now=now,
        started_at=now if lease else None,
        finished_at=now if state == "deleted" else None,
        reason=reason,
    )
    return {run_id for (run_id,) in rows}


def start(
    con: Connection,
    job: Job,
    lease: Lease,
    *,
    trigger: Trigger,
    actor: str,
    payload: dict[str, Any] | None = None,
    schedule: str = "",
    occurrence: datetime | None = None,
) -> ClaimedAttempt | None:
    """Create a run and start its first attempt.

    None if the occurrence has a run already, or if another run of an exclusive job is processing.
    """
    new = NewRun(payload or {})
    if not create_runs(
        con,
        job,
        "processing",
        [new],
        now=lease.since,
        trigger=trigger,
        actor=actor,
        reason=f"started by {trigger}",
        schedule=schedule,
        occurrence=occurrence,
        lease=lease,
    ):
        return None
    return ClaimedAttempt(
        run_id=new.id,
        job=job.name,
        attempt=1,
        failures=0,
        max_attempts=job.max_attempts,
        payload=new.payload,
        cursor={},
        occurrence=occurrence,
        run_started_at=lease.since,
        started_at=lease.since,
        lease_until=lease.until,
    )
