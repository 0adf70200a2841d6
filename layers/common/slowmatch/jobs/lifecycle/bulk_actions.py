"""Bulk actions: requeue, run now or delete many runs, a thousand a call, as a record that can be followed.

docs/decisions/0018-bulk-actions-are-recorded.md has the reasons.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.ids import new_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import JsonRow
from slowmatch.jobs.run_filter import RunFilter

MAX_COUNTED = 1_000_000
"""The most runs that are counted before a bulk action starts, which takes less than a second."""
REASON = "{} in bulk"
"""In the history of the runs. The audit log finds what was done one by one by other reasons."""
MAX_PAUSE = timedelta(seconds=30)
"""After a longer pause between two calls, nobody is making them any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction(JsonRow):
    """`filter` is None for runs that were selected one by one, `total` for too many to count."""

    id: str
    action: str
    filter: RunFilter | None
    total: int | None
    done: int
    actor: str
    started_at: datetime
    changed_at: datetime
    finished_at: datetime | None
    stopped_by: str | None

    @classmethod
    def _parts(cls, values: dict[str, Any]) -> dict[str, Any]:
        wanted = values["filter"]
        return values | {"filter": None if wanted is None else RunFilter.from_json(wanted)}

    def is_running(self, now: datetime) -> bool:
        """Whether somebody's page is still making the calls."""
        is_open = self.finished_at is None and self.stopped_by is None
        return is_open and now - self.changed_at < MAX_PAUSE


_FIELDS = "to_jsonb(bulk_action) - 'last_run_id'"
_FIND = f"SELECT {_FIELDS} FROM bulk_action WHERE id = :id::uuid"
_START = f"""
    INSERT INTO bulk_action (id, action, filter, total, actor, started_at, changed_at)
    VALUES (:id::uuid, :action, :filter::jsonb, :total::integer, :actor, :now::timestamptz, :now::timestamptz)
    RETURNING {_FIELDS}
"""
# Locked, so that two pages that make the next call at once make one after the other.
_LOCK = """
    SELECT action, filter, last_run_id::text FROM bulk_action
    WHERE id = :id::uuid AND finished_at IS NULL AND (stopped_by IS NULL OR :resume::boolean)
    FOR UPDATE
"""
_ADVANCE = f"""
    UPDATE bulk_action
    SET done = done + :changed::integer,
        last_run_id = COALESCE(:last::uuid, last_run_id),
        changed_at = :now::timestamptz,
        finished_at = CASE WHEN :last::uuid IS NULL THEN :now::timestamptz END,
        stopped_by = NULL
    WHERE id = :id::uuid
    RETURNING {_FIELDS}
"""
# A run that was requeued may have failed and be requeued again by a later call.
_ADD_RUNS = """
    INSERT INTO bulk_action_run (bulk_action_id, run_id)
    SELECT :id::uuid, unnest(:run_ids::uuid[])
    ON CONFLICT DO NOTHING
"""
_STOP = f"""
    UPDATE bulk_action
    SET stopped_by = :actor, changed_at = :now::timestamptz
    WHERE id = :id::uuid AND finished_at IS NULL AND stopped_by IS NULL
    RETURNING {_FIELDS}
"""


def find(con: Connection, action_id: str) -> BulkAction | None:
    rows = con.query(_FIND, id=action_id)
    return BulkAction.from_json(rows[0][0]) if rows else None


def start(con: Connection, action: str, wanted: RunFilter, *, actor: str) -> BulkAction:
    """Record an action on all runs that match `wanted` now, and change the first thousand of them."""
    now = con.now()
    matching = replace(wanted, created_to=min(now, wanted.created_to or now))
    count = actions.bulk_count(con, matching, action, MAX_COUNTED)
    with con.transaction():
        total = None if count.capped else count.number
        started = _record(con, action, matching, total=total, actor=actor)
        return advance(con, started.id, actor=actor) or started


def change_selected(con: Connection, action: str, ids: Sequence[str], *, actor: str) -> BulkAction:
    """Change the runs `ids`, at most actions.BULK, except those that are in another state by now."""
    with con.transaction():
        started = _record(con, action, None, total=len(ids), actor=actor)
        changed = actions.change(con, action, actor=actor, ids=ids, reason=REASON.format(action))
        return _advanced(con, started.id, changed)


def advance(con: Connection, action_id: str, *, actor: str, resume: bool = False) -> BulkAction | None:
    """Change the next thousand runs; None if there is nothing to do. With `resume`, also after it was stopped."""
    with con.transaction():
        for action, wanted, after in con.query(_LOCK, id=action_id, resume=resume):
            changed = actions.change(
                con,
                action,
                actor=actor,
                wanted=RunFilter.from_json(wanted),
                after=after,
                reason=REASON.format(action),
            )
            return _advanced(con, action_id, changed)
    return None


def stop(con: Connection, action_id: str, *, actor: str) -> BulkAction | None:
    """Make no further call, until somebody continues; None if there is nothing to stop."""
    rows = con.query(_STOP, id=action_id, actor=actor, now=con.now())
    return _stopped(con, BulkAction.from_json(rows[0][0])) if rows else None


def _record(
    con: Connection, action: str, wanted: RunFilter | None, *, total: int | None, actor: str
) -> BulkAction:
    given = None if wanted is None else json.dumps(wanted.to_json())
    ((row,),) = con.query(
        _START, id=new_run_id(), action=action, filter=given, total=total, actor=actor, now=con.now()
    )
    return BulkAction.from_json(row)


def _advanced(con: Connection, action_id: str, changed: actions.Changed) -> BulkAction:
    con.query(_ADD_RUNS, id=action_id, run_ids=changed.ids)
    ((row,),) = con.query(_ADVANCE, id=action_id, changed=len(changed.ids), last=changed.last, now=con.now())
    advanced = BulkAction.from_json(row)
    return _stopped(con, advanced) if advanced.finished_at else advanced


def _stopped(con: Connection, ended: BulkAction) -> BulkAction:
    """Update PostgreSQL's statistics, from which the console estimates how many runs each state has."""
    if ended.done >= actions.BULK:
        con.after_commit(lambda: con.query("ANALYZE job_run (state, failures)"))
    return ended
