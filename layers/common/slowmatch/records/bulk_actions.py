"""Bulk actions: extend the expiry of many records, or delete them, a thousand a call, as a row that can be followed.

The row says what to do and how far it came, so a call that is repeated continues and does nothing twice.
docs/decisions/0008-bulk-actions-in-calls-of-a-thousand.md has the reasons.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.records import search
from slowmatch.records.model import Status
from slowmatch.records.queries import DETAIL

RECORDS_PER_CALL = 1_000
MAX_COUNTED = 1_000_000
MAX_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Selection:
    """The records with `ids`, or all up to `last_id` of a list, as it was at `now`, whose titles match `q`."""

    now: datetime
    last_id: int
    status: Status = "all"
    q: str = ""
    ids: Sequence[int] | None = None

    def matching(self, con: Connection) -> tuple[str, dict[str, object]]:
        if self.ids is not None:
            return "id = ANY(:chosen_ids::bigint[])", {"chosen_ids": list(self.ids)}
        where, params = search.matching(con, self.status, self.q)
        return f"{where} AND id <= :last_id", params | {"last_id": self.last_id}


@dataclass(frozen=True, slots=True)
class Extension:
    """By so many days, or to a date; no date becomes earlier."""

    days: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class BulkAction:
    """`seen` records were considered so far, and `done` of them changed. `total` is how many matched at the start."""

    id: str
    action: str
    target: str
    wanted: dict[str, Any]
    total: int
    seen: int
    done: int
    is_finished: bool


_FIELDS = "id::text, action, target, wanted, total, seen, done, finished_at IS NOT NULL"
_FIND = f"SELECT {_FIELDS} FROM record_bulk_action WHERE id = :id::uuid"
_START = """
    INSERT INTO record_bulk_action (id, action, target, wanted, total, actor, started_at)
    VALUES (:id::uuid, :action, :target, :wanted::jsonb, :total, :actor, :now::timestamptz)
    ON CONFLICT (id) DO NOTHING
"""
# Locked, so that two pages that make the next call at once make one after the other.
_LOCK = """
    SELECT action, wanted, last_record_id, actor
    FROM record_bulk_action
    WHERE id = :id::uuid AND finished_at IS NULL
    FOR UPDATE
"""
_ADVANCE = f"""
    UPDATE record_bulk_action
    SET seen = seen + :seen::integer,
        done = done + :done::integer,
        last_record_id = COALESCE(:last::bigint, last_record_id),
        finished_at = CASE WHEN :is_last::boolean THEN :now::timestamptz END
    WHERE id = :id::uuid
    RETURNING {_FIELDS}
"""
_CHOSEN = f"""
    chosen AS (
        SELECT id AS chosen_id, expiry_date AS old_date
        FROM record
        WHERE {{where}} AND id > :after
        ORDER BY id
        LIMIT {RECORDS_PER_CALL}
        FOR UPDATE
    )
"""
_RESULT = """
    SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM changed), (SELECT max(chosen_id) FROM chosen)
"""
_EXTEND = f"""
    WITH {_CHOSEN}, extended AS (
        SELECT chosen_id, old_date, LEAST(
            COALESCE(:until::timestamptz, old_date + make_interval(days => :days::integer)),
            '9999-12-31 23:59:59+00'
        ) AS new_date
        FROM chosen
    ), changed AS (
        UPDATE record
        SET expiry_date = new_date, is_expired = is_expired AND new_date <= :at::timestamptz
        FROM extended
        WHERE id = chosen_id AND new_date > old_date
        RETURNING id, title, expiry_date, old_date
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, bulk_action_id, detail)
        SELECT id, 'changed', :actor, :id::uuid,
               {DETAIL} || jsonb_build_object('before', jsonb_build_object('expiry_date', old_date))
        FROM changed
    ) {_RESULT}
"""
_DELETE = f"""
    WITH {_CHOSEN}, changed AS (
        DELETE FROM record USING chosen WHERE id = chosen_id RETURNING id, title, expiry_date
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, bulk_action_id, detail)
        SELECT id, 'deleted', :actor, :id::uuid, {DETAIL} FROM changed
    ) {_RESULT}
"""
_STATEMENTS = {"extended": _EXTEND, "deleted": _DELETE}


def last_id(con: Connection) -> int:
    """The id of the newest record: those that come later are left alone."""
    ((found,),) = con.query("SELECT COALESCE(max(id), 0) FROM record")
    return int(found)


def count(con: Connection, selection: Selection) -> CappedCount:
    """How many records there are, up to MAX_COUNTED, which takes less than a second."""
    where, params = selection.matching(con)
    sql = f"SELECT {count_up_to_cap(f'record WHERE {where}', MAX_COUNTED)}"
    return CappedCount.of(con.query(sql, now=selection.now, **params)[0][0], MAX_COUNTED)


def find(con: Connection, action_id: str) -> BulkAction | None:
    rows = con.query(_FIND, id=action_id)
    return BulkAction(*rows[0]) if rows else None


def start(
    con: Connection,
    selection: Selection,
    extension: Extension | None,
    *,
    action_id: str,
    target: str,
    actor: str,
) -> BulkAction:
    """Begin to extend the records, or to delete them without an `extension`; the first call is made.

    If there is an action with this id, it goes on instead. Raises LookupError if that is a different one.
    """
    action = "extended" if extension else "deleted"
    wanted = {
        "now": selection.now.isoformat(),
        "last_id": selection.last_id,
        "status": selection.status,
        "q": selection.q,
        "ids": None if selection.ids is None else list(selection.ids),
        "days": extension and extension.days,
        "until": extension and extension.until and extension.until.isoformat(),
    }
    con.query(
        _START,
        id=action_id,
        action=action,
        target=target,
        wanted=json.dumps(wanted),
        total=count(con, selection).number,
        actor=actor,
        now=con.now(),
    )
    found = find(con, action_id)
    if found is None or found.action != action:
        raise LookupError(action_id)
    return advance(con, action_id)


def advance(con: Connection, action_id: str) -> BulkAction:
    """Change the next thousand records, or none if it is finished. Raises LookupError for an unknown action."""
    with con.transaction():
        for action, wanted, after, actor in con.query(_LOCK, id=action_id):
            now = datetime.fromisoformat(wanted["now"])
            names = ("last_id", "status", "q", "ids")
            where, params = Selection(now, **{name: wanted[name] for name in names}).matching(con)
            params |= {"days": wanted["days"], "until": wanted["until"]}
            statement = _STATEMENTS[action].format(where=where)
            ((seen, done, last),) = con.query(
                statement, id=action_id, now=now, at=con.now(), after=after, actor=actor, **params
            )
            is_last = seen < RECORDS_PER_CALL
            rows = con.query(
                _ADVANCE, id=action_id, seen=seen, done=done, last=last, is_last=is_last, now=con.now()
            )
            return _advanced(con, BulkAction(*rows[0]), done)
    found = find(con, action_id)
    if found is None:
        raise LookupError(action_id)
    return found


def _advanced(con: Connection, advanced: BulkAction, done: int) -> BulkAction:
    """Update PostgreSQL's statistics at the end: the console estimates from them how many records there are."""
    if done and advanced.action == "deleted":
        con.after_commit(lambda: telemetry.count("RecordsDeleted", done))
    if advanced.is_finished and advanced.done >= RECORDS_PER_CALL:
        con.after_commit(lambda: con.query("ANALYZE record (is_expired, expiry_date)"))
    return advanced
