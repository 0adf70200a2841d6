"""Runs as people see and change them: reading, listing, requeue, run now, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs import claims, queue
from slowmatch.jobs.filters import RunFilter

FINAL = ("succeeded", "failed", "deleted")
BULK = 1_000
"""The most runs that one bulk action changes."""

ELIGIBLE = {
    "requeue": FINAL,
    "run-now": ("scheduled",),
    "delete": ("enqueued", "scheduled", "processing"),
}
"""The states that each action starts from."""

_RUN = """
    json_build_object(
        'id', run.id, 'job', run.job, 'state', run.state, 'payload', run.payload, 'trigger', run.trigger,
        'triggered_by', run.triggered_by, 'occurrence', run.occurrence, 'attempt', run.attempt,
        'failures', run.failures, 'max_attempts', run.max_attempts, 'due_at', run.due_at,
        'lease_until', run.lease_until, 'created_at', run.created_at, 'started_at', run.started_at,
        'finished_at', run.finished_at, 'progress', run.progress, 'result', run.result, 'error', run.error
    )
"""


def find(con: Connection, run_id: str) -> dict[str, Any] | None:
    """The run, or None."""
    rows = con.query(f"SELECT {_RUN} FROM job_run AS run WHERE id = CAST(:id AS uuid)", id=run_id)
    return rows[0][0] if rows else None


def get(con: Connection, run_id: str) -> dict[str, Any]:
    """The run, which is there. Raises LookupError."""
    run = find(con, run_id)
    if run is None:
        raise LookupError(f"there is no run {run_id}")
    return run


def describe(con: Connection, run_id: str) -> str:
    """Why a run cannot be claimed, in words."""
    run = find(con, run_id)
    if run is None:
        return "there is no such run"
    return f"the run of {run['job']} is {run['state']}, attempt {run['attempt']}, due {run['due_at']}"


def details(con: Connection, run_id: str) -> str | None:
    """The run with its attempts, events and log, as JSON text."""
    rows = con.query(
        f"""
        SELECT ({_RUN}::jsonb || jsonb_build_object(
            'attempts', (
                SELECT COALESCE(jsonb_agg(to_jsonb(tried) - 'run_id' ORDER BY tried.number), '[]')
                FROM job_attempt AS tried WHERE tried.run_id = run.id
            ),
            'events', (
                SELECT COALESCE(jsonb_agg(to_jsonb(event) - 'run_id' ORDER BY event.id), '[]')
                FROM job_event AS event WHERE run_id = run.id
            ),
            'log', (
                SELECT COALESCE(jsonb_agg(to_jsonb(line) - 'run_id' ORDER BY line.id), '[]')
                FROM (SELECT * FROM job_log WHERE run_id = run.id ORDER BY id DESC LIMIT 1000) AS line
            )
        ))::text
        FROM job_run AS run WHERE id = CAST(:id AS uuid)
        """,
        id=run_id,
    )
    return rows[0][0] if rows else None


def page(con: Connection, wanted: RunFilter, before: str | None, limit: int) -> tuple[str, str | None]:
    """One page, newest first, as JSON text, and the id to go on before (None at the end)."""
    where, params = wanted.where()
    if before is not None:
        where += " AND run.id < CAST(:before AS uuid)"
        params["before"] = before
    ((items, count, last),) = con.query(
        f"""
        WITH found AS (
            SELECT * FROM job_run AS run WHERE {where} ORDER BY id DESC LIMIT CAST(:limit AS integer) + 1
        ), shown AS (
            SELECT * FROM found ORDER BY id DESC LIMIT CAST(:limit AS integer)
        )
        SELECT COALESCE(json_agg({_RUN} ORDER BY run.id DESC), '[]')::text, (SELECT count(*) FROM found),
               (SELECT id::text FROM shown ORDER BY id LIMIT 1)
        FROM shown AS run
        """,
        limit=limit,
        **params,
    )
    return items, last if count > limit else None


@dataclass(frozen=True, slots=True)
class Changed:
    """What an action did: the runs it changed, and the last one it looked at when more may match."""

    ids: list[str]
    last: str | None


def change(
    con: Connection,
    action: str,
    *,
    actor: str,
    ids: Sequence[str] | None = None,
    wanted: RunFilter | None = None,
    after: str | None = None,
    send: bool = True,
) -> Changed:
    """Requeue, run now or delete the runs named by `ids` or by a filter, at most BULK at a time.

    Only runs in a state that the action starts from are changed. With a filter runs are taken in the
    order of their ids; go on with `after=changed.last` until that is None.
    """
    now = con.now()
    if ids is not None:
        where = "run.id = ANY(CAST(:ids AS uuid[]))"
        params: dict[str, Any] = {"ids": list(ids)}
    else:
        where, params = (wanted or RunFilter()).where()
    if after is not None:
        where += " AND run.id > CAST(:after AS uuid)"
        params["after"] = after
    rows = con.query(
        f"""
        WITH target AS (
            SELECT id, state, attempt FROM job_run AS run
            WHERE {where} AND run.state = ANY(CAST(:eligible AS text[]))
            ORDER BY id LIMIT {BULK} FOR UPDATE
        ), changed AS (
            {_CHANGE["delete" if action == "delete" else "queue"]}
            RETURNING run.id, run.job, run.state, run.attempt, target.state AS was
        ), closed AS (
            UPDATE job_attempt AS attempt
            SET finished_at = CAST(:now AS timestamptz), outcome = 'cancelled'
            FROM changed WHERE attempt.run_id = changed.id AND attempt.finished_at IS NULL
        ), noted AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), was, state, :action, :actor FROM changed
        )
        SELECT id::text, job, attempt + 1, was FROM changed ORDER BY id
        """,
        now=now,
        eligible=list(ELIGIBLE[action]),
        action=action,
        actor=actor,
        **({} if action == "delete" else {"message_at": now if send else None}),
        **params,
    )
    if action == "delete":
        pointers = claims.hand_on(con, [job for _, job, _, was in rows if was == "processing"], now)
    else:
        pointers = [queue.Pointer(job, run_id, attempt, now) for run_id, job, attempt, _ in rows if send]
    con.after_commit(lambda: queue.deliver(con, pointers))
    changed = [row[0] for row in rows]
    return Changed(changed, changed[-1] if len(changed) == BULK else None)


_CHANGE = {
    "queue": """
            UPDATE job_run AS run
            SET state = 'enqueued', due_at = CAST(:now AS timestamptz), finished_at = NULL, result = NULL,
                error = CASE WHEN target.state = 'scheduled' THEN run.error END,
                failures = CASE WHEN target.state = 'scheduled' THEN run.failures ELSE 0 END,
                started_at = CASE WHEN target.state = 'scheduled' THEN run.started_at END,
                cursor = CASE WHEN target.state = 'scheduled' THEN run.cursor END,
                progress = NULL, message_at = CAST(:message_at AS timestamptz)
            FROM target WHERE run.id = target.id
    """,
    "delete": """
            UPDATE job_run AS run
            SET state = 'deleted', finished_at = CAST(:now AS timestamptz), lease_until = NULL, message_at = NULL
            FROM target WHERE run.id = target.id
    """,
}


def postpone_message(con: Connection, run_id: str, attempt: int, until: datetime) -> bool:
    """Note that a waiting run's next message comes at `until`; False when it waits no more."""
    rows = con.query(
        """
        WITH waiting AS (
            SELECT id, state FROM job_run
            WHERE id = CAST(:id AS uuid) AND attempt = CAST(:attempt AS integer) - 1
              AND state IN ('enqueued', 'scheduled')
            FOR UPDATE
        ), noted AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), state, 'enqueued', 'waits for the run that is processing', 'worker'
            FROM waiting WHERE state = 'scheduled'
        )
        UPDATE job_run AS run SET message_at = CAST(:until AS timestamptz), state = 'enqueued'
        FROM waiting WHERE run.id = waiting.id
        RETURNING run.id
        """,
        id=run_id,
        attempt=attempt,
        until=until,
        now=con.now(),
    )
    return bool(rows)
