"""One record and its history. PostgreSQL renders the JSON; times are in UTC with Z."""

from datetime import datetime
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection

COLUMNS = """id, title,
            replace((created_at AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS created_at,
            replace((expiry_date AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS expiry_date,
            is_expired"""

_DETAIL = "jsonb_build_object('title', title, 'expiry_date', expiry_date)"

CREATE = f"""
    WITH created AS (
        INSERT INTO record (title, expiry_date)
        VALUES (:title, :expiry_date)
        RETURNING *
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'created', :actor, {_DETAIL} FROM created
    )
    SELECT id, to_json(answer)::text FROM (SELECT {COLUMNS} FROM created) AS answer
"""


def create(con: Connection, title: str, expiry_date: datetime, actor: str) -> tuple[int, str]:
    """Return the new record's id and JSON."""
    ((record_id, text),) = con.query(CREATE, title=title, expiry_date=expiry_date, actor=actor)
    con.after_commit(lambda: telemetry.count("RecordsCreated"))
    return record_id, text


GET = f"""
    SELECT to_json(answer)::text
    FROM (SELECT {COLUMNS} FROM record WHERE id = :id) AS answer
"""


def get(con: Connection, record_id: int) -> str | None:
    rows = con.query(GET, id=record_id)
    return rows[0][0] if rows else None


UPDATE = f"""
    WITH before AS (
        SELECT id, title AS old_title, expiry_date AS old_date
        FROM record
        WHERE id = :id
        FOR UPDATE
    ), changed AS (
        UPDATE record
        SET title = COALESCE(:title::text, title),
            expiry_date = COALESCE(:expiry_date::timestamptz, expiry_date),
            is_expired = is_expired AND COALESCE(:expiry_date::timestamptz, expiry_date) <= :now
        FROM before
        WHERE record.id = before.id
        RETURNING record.*, old_title, old_date
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'changed', :actor, {_DETAIL} || jsonb_build_object('before', jsonb_strip_nulls(jsonb_build_object(
            'title', CASE WHEN old_title <> title THEN old_title END,
            'expiry_date', CASE WHEN old_date <> expiry_date THEN old_date END
        )))
        FROM changed
        WHERE old_title <> title OR old_date <> expiry_date
    )
    SELECT to_json(answer)::text FROM (SELECT {COLUMNS} FROM changed) AS answer
"""


def update(
    con: Connection,
    record_id: int,
    now: datetime,
    *,
    title: str | None = None,
    expiry_date: datetime | None = None,
    actor: str,
) -> str | None:
    """Change what is not None and return the record's JSON, or None when there is no such record.

    An expired record whose date moves past `now` becomes active again. Only the hourly job marks one as expired.
    """
    rows = con.query(UPDATE, id=record_id, now=now, title=title, expiry_date=expiry_date, actor=actor)
    return rows[0][0] if rows else None


DELETE = f"""
    WITH deleted AS (
        DELETE FROM record WHERE id = :id RETURNING *
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'deleted', :actor, {_DETAIL} FROM deleted
    )
    SELECT id FROM deleted
"""


def delete(con: Connection, record_id: int, actor: str) -> bool:
    found = bool(con.query(DELETE, id=record_id, actor=actor))
    if found:
        con.after_commit(lambda: telemetry.count("RecordsDeleted"))
    return found


HISTORY = """
    SELECT COALESCE(json_agg(json_build_object(
        'id', id, 'at', at, 'action', action, 'actor', actor, 'detail', detail
    ) ORDER BY id DESC), '[]')
    FROM (SELECT * FROM record_event WHERE record_id = :id ORDER BY id DESC LIMIT 200) AS event
"""


def history(con: Connection, record_id: int) -> list[dict[str, Any]]:
    """The last 200 events of the record, newest first, even after it was deleted.

    `detail` has title and expiry date as they were then, and under `before` what a change replaced.
    """
    ((events,),) = con.query(HISTORY, id=record_id)
    return list(events)
