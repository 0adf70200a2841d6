"""Put work in: a run row in the caller's transaction, its message after the commit."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slowmatch.aws import sqs
from slowmatch.db import Connection, OtherConnection
from slowmatch.jobs.catalog import job as job_spec
from slowmatch.jobs.ids import new_run_id
from slowmatch.jobs.lifecycle import messages
from slowmatch.text import to_json


class KeyReused(ValueError):
    """An idempotency key came a second time with another request."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    run_id: str
    created: bool


def enqueue(
    con: Connection | OtherConnection,
    job: str,
    payload: dict[str, Any] | None = None,
    due_at: datetime | None = None,
    *,
    trigger: str = "api",
    actor: str = "code",
    idempotency_key: str | None = None,
    request_digest: str | None = None,
) -> Enqueued:
    """Create a run of `job`, due now or at `due_at` (aware).

    Inside a transaction the run exists if and only if that commits. With an `idempotency_key` that was used before,
    the run it made is returned; `request_digest` then tells whether the request is the same, and is derived from
    `job`, `payload` and `due_at` if the caller has none.
    Raises UnknownJob, PayloadError, KeyReused.
    """
    spec = job_spec(job)
    accepted = spec.check(payload or {})
    digest = None if idempotency_key is None else request_digest or _digest(job, accepted, due_at)
    now = con.now()
    due = due_at if due_at and due_at > now else now
    near = due <= now + timedelta(seconds=sqs.MAX_DELAY_SECONDS)
    rows = con.query(
        """
        WITH created AS (
            INSERT INTO job_run (id, job, state, exclusive, payload, trigger, triggered_by, max_attempts,
                                 due_at, message_at, created_at, idempotency_key, request_digest)
            VALUES (CAST(:run_id AS uuid), :job, :state, CAST(:exclusive AS boolean), CAST(:payload AS jsonb),
                    :trigger, :actor, CAST(:max_attempts AS integer), CAST(:due AS timestamptz),
                    CAST(:message_at AS timestamptz), CAST(:now AS timestamptz),
                    CAST(:key AS text), CAST(:digest AS text))
            ON CONFLICT (job, idempotency_key) DO NOTHING
            RETURNING id, state
        ), noted AS (
            INSERT INTO job_event (run_id, at, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), state, 'created by ' || CAST(:trigger AS text), :actor FROM created
        )
        SELECT id::text FROM created
        """,
        run_id=new_run_id(),
        job=job,
        state="scheduled" if due > now else "enqueued",
        exclusive=spec.exclusive,
        payload=to_json(accepted),
        trigger=trigger,
        actor=actor,
        max_attempts=spec.max_attempts,
        due=due,
        message_at=due if near else None,
        now=now,
        key=idempotency_key,
        digest=digest,
    )
    if not rows:
        return Enqueued(_first_use(con, job, idempotency_key, digest), created=False)
    run_id: str = rows[0][0]
    if near:
        pointer = messages.Pointer(job, run_id, 1, due)
        con.after_commit(lambda: messages.deliver(con, [pointer]))
    return Enqueued(run_id, created=True)


def _digest(job: str, payload: dict[str, Any], due_at: datetime | None) -> str:
    """Identify a request as it was made: a due time that was not given stays None, not the present moment."""
    at = due_at and due_at.astimezone(UTC).isoformat()
    return hashlib.sha256(json.dumps([job, payload, at], sort_keys=True).encode()).hexdigest()


def _first_use(con: Connection | OtherConnection, job: str, key: str | None, digest: str | None) -> str:
    ((run_id, first),) = con.query(
        "SELECT id::text, request_digest FROM job_run WHERE job = :job AND idempotency_key = :key",
        job=job,
        key=key,
    )
    if first != digest:
        raise KeyReused(f"Idempotency-Key {key!r} was used for another request, which made run {run_id}")
    return str(run_id)
