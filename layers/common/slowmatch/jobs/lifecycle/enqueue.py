"""Enqueues runs: a row in the caller's transaction, and a message after its commit."""

import hashlib
import json
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slowmatch.db import Connection, ExternalConnection
from slowmatch.jobs import catalog
from slowmatch.jobs.definition import Job, PayloadError, json_bytes
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.create import NewRun, create_runs
from slowmatch.jobs.model import Run, Trigger
from slowmatch.text import key_problem

LINK_RERUN = "INSERT INTO job_rerun (run_id, rerun_of) VALUES (:run_id::uuid, :rerun_of::uuid)"
RUNS_OF_KEYS = """
    SELECT idempotency_key, id::text, request_digest
    FROM job_run
    WHERE job = :job
    AND idempotency_key = ANY(:keys::text[])
"""
MAX_RUNS_AT_ONCE = 10_000
MAX_BYTES_AT_ONCE = 16 * 1024 * 1024
MAX_KEY_CHARACTERS = 255


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
    Raises UnknownJob, PayloadError, KeyReused, and ValueError for a key that cannot be stored.
    """
    if idempotency_key is not None:
        _check_key("idempotency_key", idempotency_key)
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
    request_digest: str | None = None,
) -> list[Enqueued]:
    """Create a run of `job` for each payload, all or none, in one statement.

    At most MAX_RUNS_AT_ONCE, with MAX_BYTES_AT_ONCE in all. Otherwise like `enqueue`. `idempotency_keys` has one for
    each payload; a key that was used before returns its run. `request_digest` is that of the whole request.
    Raises UnknownJob, PayloadsError, KeyReused, and ValueError for too many or too large payloads, and for keys that
    are too few or cannot be stored. Each of them leaves the caller's transaction as it was.
    """
    spec = catalog.job(job)
    _check_payloads(spec, payloads)
    if not payloads:
        return []
    if idempotency_keys is None:
        new = [NewRun(payload) for payload in payloads]
        return _enqueue(con, spec, new, due_at, trigger=trigger, actor=actor)
    _check_keys(idempotency_keys, payloads)
    new = [
        NewRun(payload, key, request_digest or _digest(job, payload, due_at))
        for payload, key in zip(payloads, idempotency_keys, strict=True)
    ]
    with con.savepoint():
        return _enqueue(con, spec, new, due_at, trigger=trigger, actor=actor)


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
        # Two lists with the same keys, each in its own order, would otherwise end in a deadlock.
        sorted(new, key=lambda each: each.idempotency_key or ""),
        now=now,
        trigger=trigger,
        actor=actor,
        reason=f"created by {trigger}",
        due_at=due,
        message_at=message_at,
    )
    found = _runs_of_keys(con, job.name, [each for each in new if each.id not in created])
    if message_at is not None:
        to_send = [messages.RunMessage(job.name, each.id, 1, due) for each in new if each.id in created]
        con.after_commit(lambda: messages.send(con, to_send, in_order=False))
    return [Enqueued(found.get(each.idempotency_key, each.id), created=each.id in created) for each in new]


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


def _check_payloads(job: Job, payloads: Sequence[dict[str, Any]]) -> None:
    if len(payloads) > MAX_RUNS_AT_ONCE:
        raise ValueError(
            f"there are {len(payloads):,} payloads; at most {MAX_RUNS_AT_ONCE:,} are allowed at once:"
            " enqueue them in several calls"
        )
    for index, payload in enumerate(payloads):
        try:
            job.check(payload)
        except PayloadError as error:
            raise PayloadsError(index, error) from error
    size = sum(map(json_bytes, payloads))
    if size > MAX_BYTES_AT_ONCE:
        raise ValueError(
            f"the payloads are {size:,} bytes as JSON; at most {MAX_BYTES_AT_ONCE:,} are allowed at once:"
            " enqueue them in several calls"
        )


def _check_keys(keys: Sequence[str], payloads: Sequence[dict[str, Any]]) -> None:
    if len(keys) != len(payloads):
        raise ValueError(f"there are {len(keys):,} idempotency keys for {len(payloads):,} payloads")
    for index, key in enumerate(keys):
        _check_key(f"idempotency_keys[{index}]", key)


def _check_key(name: str, key: str) -> None:
    if problem := key_problem(key, MAX_KEY_CHARACTERS):
        raise ValueError(f"{name} is {reprlib.repr(key)}: {problem}")


def _runs_of_keys(
    con: Connection | ExternalConnection, job: str, repeated: Sequence[NewRun]
) -> dict[str | None, str]:
    """The runs that exist, by their keys. Raises KeyReused for one that another request created."""
    if not repeated:
        return {}
    rows = con.query(RUNS_OF_KEYS, job=job, keys=[each.idempotency_key for each in repeated])
    runs = {key: (run_id, digest) for key, run_id, digest in rows}
    for each in repeated:
        key, digest = each.idempotency_key, each.request_digest
        run_id, first = runs[key]
        if first != digest:
            raise KeyReused(
                f"Idempotency-Key {key!r} was already used for a different request, which created run {run_id}"
            )
    return {key: run_id for key, (run_id, _) in runs.items()}
