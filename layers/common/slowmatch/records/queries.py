"""One record and its history. PostgreSQL renders the JSON; times are in UTC with Z.

A record's version is its row's xmin, the transaction that wrote it last: every change of whatever origin has another
one, and it costs neither a column nor a write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from slowmatch import telemetry
from slowmatch.db import Connection

COLUMNS = """id, title,
            replace((created_at AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS created_at,
            replace((expiry_date AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS expiry_date,
            is_expired"""

DETAIL = "jsonb_build_object('title', title, 'expiry_date', expiry_date)"


class StoredRecord(NamedTuple):
    """A record's JSON and version."""

    text: str
    version: str


class VersionMismatch(Exception):
    """The record has none of the versions that the caller expects. Nothing was done."""

    def __str__(self) -> str:
        return (
            "the record was changed after you read it, so nothing was done: read it again,"
            " and repeat the request with the new ETag in If-Match"
        )


CREATE = f"""
    WITH created AS (
        INSERT INTO record (title, expiry_date)
        VALUES (:title, :expiry_date)
        RETURNING *
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'created', :actor, {DETAIL} FROM created
    )
    SELECT id, to_json(answer)::text FROM (SELECT {COLUMNS} FROM created) AS answer
"""


def create(con: Connection, title: str, expiry_date: datetime, actor: str) -> tuple[int, str]:
    """Return the new record's id and JSON."""
    ((record_id, text),) = con.query(CREATE, title=title, expiry_date=expiry_date, actor=actor)
    con.after_commit(lambda: telemetry.count("RecordsCreated"))
    return record_id, text


GET = f"""
    SELECT (SELECT to_json(answer)::text FROM (SELECT {COLUMNS}) AS answer), xmin::text
    FROM record
    WHERE id = :id
"""


def get(con: Connection, record_id: int) -> StoredRecord | None:
    rows = con.query(GET, id=record_id)
    return StoredRecord(*rows[0]) if rows else None


UPDATE = f"""
    WITH before AS (
        SELECT id, title AS old_title, expiry_date AS old_date, xmin::text AS version
        FROM record
        WHERE id = :id
        FOR UPDATE
    ), changed AS (
        UPDATE record
        SET title = COALESCE(:title::text, title),
            expiry_date = COALESCE(:expiry_date::timestamptz, expiry_date),
            is_expired = is_expired AND COALESCE(:expiry_date::timestamptz, expiry_date) <= :now
        FROM before
        WHERE record.id = before.id AND version = ANY(COALESCE(:versions::text[], ARRAY[version]))
        RETURNING record.*, record.xmin::text AS version, old_title, old_date
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'changed', :actor, {DETAIL} || jsonb_build_object('before', jsonb_strip_nulls(jsonb_build_object(
            'title', CASE WHEN old_title <> title THEN old_title END,
            'expiry_date', CASE WHEN old_date <> expiry_date THEN old_date END
        )))
        FROM changed
        WHERE old_title <> title OR old_date <> expiry_date
    )
    SELECT (SELECT to_json(answer)::text FROM (SELECT {COLUMNS} FROM changed) AS answer),
           (SELECT version FROM changed)
    FROM before
"""


def update(
    con: Connection,
    record_id: int,
    now: datetime,
    *,
    title: str | None = None,
    expiry_date: datetime | None = None,
    actor: str,
    versions: Sequence[str] | None = None,
) -> StoredRecord | None:
    """Change what is not None and return the changed record, or None when there is no such record.

    Raises VersionMismatch when the record has none of the `versions`.
    An expired record whose date moves past `now` becomes active again. Only the hourly job marks one as expired.
    """
    rows = con.query(
        UPDATE, id=record_id, now=now, title=title, expiry_date=expiry_date, actor=actor, versions=versions
    )
    return _matching(rows)


def _matching(rows: list[list[Any]]) -> StoredRecord | None:
    if rows and rows[0][0] is None:
        raise VersionMismatch
    return StoredRecord(*rows[0]) if rows else None


DELETE = f"""
    WITH found AS (
        SELECT id AS found_id, xmin::text AS version
        FROM record
        WHERE id = :id
        FOR UPDATE
    ), deleted AS (
        DELETE FROM record
        USING found
        WHERE id = found_id AND version = ANY(COALESCE(:versions::text[], ARRAY[version]))
        RETURNING record.*
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'deleted', :actor, {DETAIL} FROM deleted
    )
    SELECT (SELECT count(*) FROM deleted) FROM found
"""


def delete(con: Connection, record_id: int, actor: str, versions: Sequence[str] | None = None) -> bool:
    """Whether there was such a record. Raises VersionMismatch when it has none of the `versions`."""
    rows = con.query(DELETE, id=record_id, actor=actor, versions=versions)
    if not rows:
        return False
    if not rows[0][0]:
        raise VersionMismatch
    con.after_commit(lambda: telemetry.count("RecordsDeleted"))
    return True


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
