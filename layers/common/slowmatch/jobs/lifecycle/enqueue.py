"""Enqueues runs: a row in the caller's transaction, and a message after its commit."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs import catalog
from slowmatch.jobs.definition import Job, PayloadError
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.create import NewRun, create_runs
from slowmatch.jobs.model import Run, Trigger

LINK_RERUN = "INSERT INTO job_rerun (run_id, rerun_of) VALUES (:run_id::uuid, :rerun_of::uuid)"
MAX_RUNS_AT_ONCE = 10_000


class KeyReused(ValueError):
    """An idempotency key was used again for another request."""


class PayloadsError(ValueError):
    """One of several payloads that its job does not accept: number `index`, counted from 0."""

    def __init__(self, index: int, error: PayloadError) -> None:
        super().__init__(f"payload {index}: {error}")
        self.index = index
        self.error = error


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
    new = NewRun(accepted, idempotency_key, digest)
    return _enqueue(con, spec, [new], due_at, trigger=trigger, actor=actor)[0]


def enqueue_many(
    con: Connection | ExternalConnection,
    job: str,
    payloads: Sequence[dict[str, Any]],
    due_at: datetime | None = None,
    *,
    trigger: Trigger = "api",
    actor: str = "code",
    idempotency_keys: Sequence[str] | None = None,
) -> list[Enqueued]:
    """Create a run of `job` for each payload, all or none, in one statement. MAX_RUNS_AT_ONCE at most.

    Otherwise like `enqueue`. `idempotency_keys` has one for each payload; a key that was used before returns its run.
    Raises UnknownJob, PayloadsError, KeyReused, and ValueError for too many payloads or too few keys.
    """
    if len(payloads) > MAX_RUNS_AT_ONCE:
        raise ValueError(
            f"there are {len(payloads):,} payloads; at most {MAX_RUNS_AT_ONCE:,} are allowed at once"
        )
    if idempotency_keys is not None and len(idempotency_keys) != len(payloads):
        raise ValueError(
            f"there are {len(idempotency_keys):,} idempotency keys for {len(payloads):,} payloads"
        )
    spec = catalog.job(job)
    new = []
    for index, payload in enumerate(payloads):
        try:
            accepted = spec.check(payload)
        except PayloadError as error:
            raise PayloadsError(index, error) from error
        key = idempotency_keys[index] if idempotency_keys else None
        new.append(NewRun(accepted, key, _digest(job, accepted, due_at) if key else None))
    return _enqueue(con, spec, new, due_at, trigger=trigger, actor=actor) if new else []


def _enqueue(
    con: Connection | ExternalConnection,
    job: Job,
    new: Sequence[NewRun],
    due_at: datetime | None,
    *,
    trigger: Trigger,
    actor: str,
) -> list[Enqueued]:
    now = con.now()
    due = due_at if due_at and due_at > now else now
    message_at = messages.visible_at(due, now)
    created = create_runs(
        con,
        job,
        "scheduled" if due > now else "enqueued",
        new,
        now=now,
        trigger=trigger,
        actor=actor,
        reason=f"created by {trigger}",
        due_at=due,
        message_at=message_at,
    )
    enqueued = [
        Enqueued(each.id, created=True)
        if each.id in created
        else Enqueued(_run_of_key(con, job.name, each.idempotency_key, each.request_digest), created=False)
        for each in new
    ]
    if message_at is not None:
        to_send = [messages.RunMessage(job.name, each.run_id, 1, due) for each in enqueued if each.created]
        con.after_commit(lambda: messages.send(con, to_send, in_order=False))
    return enqueued


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
