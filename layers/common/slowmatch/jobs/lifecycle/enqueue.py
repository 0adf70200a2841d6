"""Enqueues runs: a row in the caller's transaction, and a message after its commit."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs import catalog
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.create import create_run
from slowmatch.jobs.model import Run, Trigger

LINK_RERUN = "INSERT INTO job_rerun (run_id, rerun_of) VALUES (:run_id::uuid, :rerun_of::uuid)"


class KeyReused(ValueError):
    """An idempotency key was used again for another request."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    run_id: str
    created: bool


def enqueue(
    con: Connection | ExternalConnection,
    job: str,
    payload: dict[str, Any] | None = None,
    due_at: datetime | None = None,
    *,
    trigger: Trigger = "api",
    actor: str = "code",
    idempotency_key: str | None = None,
    request_digest: str | None = None,
) -> Enqueued:
    """Create a run of `job`, due now or at `due_at` (aware).

    Inside a transaction, the run exists if and only if that commits. If the `idempotency_key` was used before, its
    run is returned. `request_digest` shows whether both requests are the same; without one, it is a digest of
    `job`, `payload` and `due_at`.
    Raises UnknownJob, PayloadError, KeyReused.
    """
    spec = catalog.job(job)
    accepted = spec.check(payload or {})
    digest = None if idempotency_key is None else request_digest or _digest(job, accepted, due_at)
    now = con.now()
    due = due_at if due_at and due_at > now else now
    message_at = messages.visible_at(due, now)
    run_id = create_run(
        con,
        spec,
        "scheduled" if due > now else "enqueued",
        now=now,
        trigger=trigger,
        actor=actor,
        reason=f"created by {trigger}",
        payload=accepted,
        due_at=due,
        message_at=message_at,
        idempotency_key=idempotency_key,
        request_digest=digest,
    )
    if run_id is None:
        return Enqueued(_run_of_key(con, job, idempotency_key, digest), created=False)
    if message_at is not None:
        message = messages.RunMessage(job, run_id, 1, due)
        con.after_commit(lambda: messages.send(con, [message]))
    return Enqueued(run_id, created=True)


def run_again(
    con: Connection,
    run: Run,
    payload: dict[str, Any],
    due_at: datetime | None = None,
    *,
    trigger: Trigger,
    actor: str,
) -> str:
    """Create a run of the same job as `run`, linked to it, with a payload of its own, and return its id.

    Raises UnknownJob, PayloadError.
    """
    with con.transaction():
        made = enqueue(con, run.job, payload, due_at, trigger=trigger, actor=actor)
        con.query(LINK_RERUN, run_id=made.run_id, rerun_of=run.id)
    return made.run_id


def _digest(job: str, payload: dict[str, Any], due_at: datetime | None) -> str:
    """A digest of the request as it was made: without a due time, that is null, not the present time."""
    at = due_at and due_at.astimezone(UTC).isoformat()
    return hashlib.sha256(json.dumps([job, payload, at], sort_keys=True).encode()).hexdigest()


def _run_of_key(con: Connection | ExternalConnection, job: str, key: str | None, digest: str | None) -> str:
    ((run_id, first),) = con.query(
        "SELECT id::text, request_digest FROM job_run WHERE job = :job AND idempotency_key = :key",
        job=job,
        key=key,
    )
    if first != digest:
        raise KeyReused(
            f"Idempotency-Key {key!r} was already used for a different request, which created run {run_id}"
        )
    return str(run_id)
