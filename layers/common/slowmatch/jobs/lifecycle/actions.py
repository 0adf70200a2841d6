"""Runs as people change them: requeue, run now, delete, one or many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs.lifecycle import messages, promotion
from slowmatch.jobs.run_filter import RunFilter

FINAL = ("succeeded", "failed", "deleted")
BULK = 1_000
"""The most runs that one bulk action changes."""

COUNTED = 10_000
"""Further than other counts: it is what a person is asked about, and what the progress is measured by."""

ELIGIBLE = {
    "requeue": FINAL,
    "run-now": ("scheduled",),
    "delete": ("enqueued", "scheduled", "processing", "failed"),
}
"""The states that each action starts from."""


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
        where, params = (wanted or RunFilter()).matching()
    if after is not None:
        where += " AND run.id > CAST(:after AS uuid)"
        params["after"] = after
    with con.transaction():
        rows = con.query(
            f"""
            WITH target AS (
                SELECT id, state FROM job_run AS run
                WHERE {where} AND run.state = ANY(CAST(:eligible AS text[]))
                ORDER BY id LIMIT {BULK} FOR UPDATE
            ), changed AS (
                {_CHANGE["delete" if action == "delete" else "queue"]}
                RETURNING run.id, run.job, run.state, run.attempt, target.state AS was
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
            pointers = _stop(con, [(run_id, job) for run_id, job, _, was in rows if was == "processing"], now)
        else:
            pointers = [
                messages.RunMessage(job, run_id, attempt, now) for run_id, job, attempt, _ in rows if send
            ]
    con.after_commit(lambda: messages.deliver(con, pointers))
    changed = [row[0] for row in rows]
    return Changed(changed, changed[-1] if len(changed) == BULK else None)


def _stop(con: Connection, running: list[tuple[str, str]], now: datetime) -> list[messages.RunMessage]:
    """Close the attempts of these runs (id, job), and hand their places on.

    By a statement of its own: that which waited for a run until it was claimed sees no attempt yet.
    """
    if not running:
        return []
    con.query(
        """
        UPDATE job_attempt SET finished_at = CAST(:now AS timestamptz), outcome = 'cancelled'
        WHERE run_id = ANY(CAST(:ids AS uuid[])) AND finished_at IS NULL
        """,
        now=now,
        ids=[run_id for run_id, _ in running],
    )
    return promotion.promote(con, [job for _, job in running], now)


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


def bulk_count(con: Connection, wanted: RunFilter, action: str) -> CappedCount:
    """How many of the runs that `wanted` names `action` would change, up to COUNTED."""
    return CappedCount.of(
        cached(con, ("bulk", wanted, action), lambda: _counted(con, wanted, action)), COUNTED
    )


def _counted(con: Connection, wanted: RunFilter, action: str) -> int:
    where, params = wanted.where()
    search = wanted.search(params)
    if search is not None:
        where += f" AND {search}"
    rows = f"job_run AS run WHERE {where} AND run.state = ANY(CAST(:eligible AS text[]))"
    ((number,),) = con.query(
        f"SELECT {count_up_to_cap(rows, COUNTED)}",
        eligible=list(ELIGIBLE[action]),
        **params,
    )
    return int(number)
