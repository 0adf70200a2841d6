"""The SQL of one record and of lists of them. PostgreSQL renders the JSON; times are UTC with Z."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, CappedCounts
from slowmatch.db.snapshot_cache import cached
from slowmatch.db.work_mem import room
from slowmatch.records.model import SOON_HOURS, Page, Position, Status

_COLUMNS = """id, title,
            replace((created_at AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS created_at,
            replace((expiry_date AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z' AS expiry_date,
            is_expired"""

# What an event keeps: the record as it is after a change and what it was before, or as it was deleted.
_FACTS = "jsonb_build_object('title', title, 'expiry_date', expiry_date)"

CREATE = f"""
    WITH created AS (
        INSERT INTO record (title, expiry_date)
        VALUES (:title, :expiry_date)
        RETURNING *
    ), noted AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'created', :actor, {_FACTS} FROM created
    )
    SELECT id, to_json(answer)::text FROM (SELECT {_COLUMNS} FROM created) AS answer
"""

GET = f"""
    SELECT to_json(answer)::text
    FROM (SELECT {_COLUMNS} FROM record WHERE id = :id) AS answer
"""

UPDATE = f"""
    WITH before AS (
        SELECT id, title AS old_title, expiry_date AS old_date FROM record WHERE id = :id FOR UPDATE
    ), changed AS (
        UPDATE record
        SET title = COALESCE(CAST(:title AS text), title),
            expiry_date = COALESCE(CAST(:expiry_date AS timestamptz), expiry_date),
            is_expired = is_expired AND COALESCE(CAST(:expiry_date AS timestamptz), expiry_date) <= :now
        FROM before
        WHERE record.id = before.id
        RETURNING record.*, old_title, old_date
    ), noted AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'changed', :actor, {_FACTS} || jsonb_build_object('before', jsonb_strip_nulls(jsonb_build_object(
            'title', CASE WHEN old_title <> title THEN old_title END,
            'expiry_date', CASE WHEN old_date <> expiry_date THEN old_date END
        )))
        FROM changed WHERE old_title <> title OR old_date <> expiry_date
    )
    SELECT to_json(answer)::text FROM (SELECT {_COLUMNS} FROM changed) AS answer
"""

DELETE = f"""
    WITH deleted AS (
        DELETE FROM record WHERE id = :id RETURNING *
    ), noted AS (
        INSERT INTO record_event (record_id, action, actor, detail)
        SELECT id, 'deleted', :actor, {_FACTS} FROM deleted
    )
    SELECT id FROM deleted
"""

HISTORY = """
    SELECT COALESCE(json_agg(json_build_object(
        'id', id, 'at', at, 'action', action, 'actor', actor, 'detail', detail
    ) ORDER BY id DESC), '[]')
    FROM (SELECT * FROM record_event WHERE record_id = :id ORDER BY id DESC LIMIT 200) AS event
"""

COUNTS = CappedCounts(
    "record",
    {
        "all": ("true", "id"),
        "active": ("NOT is_expired", "expiry_date, id"),
        "soon": (
            "NOT is_expired AND expiry_date > CAST(:now AS timestamptz) AND expiry_date <= CAST(:soon AS timestamptz)",
            "expiry_date, id",
        ),
        "expired": ("is_expired", "expiry_date, id"),
    },
)

# One record a line: no JSON text has a line feed in it. One more than the page has tells that there is more.
# The constant limit lets PostgreSQL keep its plan: with none but a parameter it would plan for every page.
LONGEST = 500
PAGE = f"""
    SELECT COALESCE(string_agg(to_json(line)::text, ',' || chr(10)), '')
    FROM (
        SELECT {_COLUMNS}
        FROM (SELECT * FROM {{source}} ORDER BY {{order}} LIMIT {LONGEST + 1}) AS ordered
        LIMIT CAST(:limit AS bigint) + 1
    ) AS line
"""

# Per status: which records, in which order, and what comes after a position.
LISTS: dict[Status, tuple[str, str, str]] = {
    "all": ("true", "id DESC", "id < :after_id"),
    "active": ("NOT is_expired", "expiry_date, id", "(expiry_date, id) > (:after_date, :after_id)"),
    "soon": (
        f"NOT is_expired AND expiry_date > now() AND expiry_date <= now() + interval '{SOON_HOURS} hours'",
        "expiry_date, id",
        "(expiry_date, id) > (:after_date, :after_id)",
    ),
    "expired": ("is_expired", "expiry_date DESC, id DESC", "(expiry_date, id) < (:after_date, :after_id)"),
}

# How often something occurs shows in the first records of the list. They fill the page of what is common; where as
# many turned up as promise a page, a longer walk fills it; the rest is rare enough to be collected through its index
# and then sorted. Signs are not walked far: looking for them takes three times as long.
WALKED, FAR = 2_000, 100_000
PLAIN = "record WHERE {where}"
WALK = "(SELECT * FROM record WHERE {where} ORDER BY {order} LIMIT {walked}) AS first WHERE {search}"
COLLECT = "(SELECT * FROM record WHERE {where} AND {search} OFFSET 0) AS found"
# Titles with the rare words of several, by the index; then those with the others too.
COLLECT_RARE = (
    "(SELECT * FROM record WHERE {where} AND search_words(title) @@ search_query(:rare) OFFSET 0) AS found"
)
COLLECT_RARE += " WHERE {search}"

WORDS = "SELECT tsvector_to_array(search_words(:q))"
BY_WORDS = "search_words(title) @@ search_query(:q)"
# The same; most titles are left out by their letters, in a tenth of the time that their words take.
BY_LETTERS = f"lower(title) LIKE ALL (CAST(:parts AS text[])) AND {BY_WORDS}"
# First those that have all the signs, by their index, which the first condition names; then those that have them so.
BY_SIGNS = """title ~ '[^[:alnum:][:space:]]' AND search_signs(title) @> search_signs(:q)
    AND position(lower(:q) IN lower(title)) > 0"""

EXPECTED = "EXPLAIN (FORMAT JSON) SELECT FROM record WHERE search_words(title) @@ search_query(:word)"
COMMONER = 10
"""The index reads every title that a word is in, so it is not asked for words so much commoner than the rarest."""


def create(con: Connection, title: str, expiry_date: datetime, actor: str) -> tuple[int, str]:
    """The new record's id and JSON."""
    ((record_id, text),) = con.query(CREATE, title=title, expiry_date=expiry_date, actor=actor)
    con.after_commit(lambda: telemetry.count("RecordsCreated"))
    return record_id, text


def get(con: Connection, record_id: int) -> str | None:
    """The record's JSON, or None."""
    return _only(con.query(GET, id=record_id))


def update(
    con: Connection,
    record_id: int,
    now: datetime,
    title: str | None,
    expiry_date: datetime | None,
    actor: str,
) -> str | None:
    """Change what is not None and return the record's JSON, or None when there is no such record.

    An expired record whose date moves past `now` is active again; the other way is the hourly job's.
    """
    return _only(con.query(UPDATE, id=record_id, now=now, title=title, expiry_date=expiry_date, actor=actor))


def delete(con: Connection, record_id: int, actor: str) -> bool:
    """Say whether there was such a record."""
    found = bool(con.query(DELETE, id=record_id, actor=actor))
    if found:
        con.after_commit(lambda: telemetry.count("RecordsDeleted"))
    return found


def history(con: Connection, record_id: int) -> list[dict[str, Any]]:
    """Who did what to the record, newest first, also after it was deleted.

    `detail` has title and expiry date as they were then, and under `before` what a change replaced.
    """
    ((events,),) = con.query(HISTORY, id=record_id)
    return list(events)


def status_counts(con: Connection, now: datetime) -> dict[str, CappedCount]:
    """How many records there are of each Status; as time passes, at most a minute old."""
    soon = now + timedelta(hours=SOON_HOURS)
    minute = now.replace(second=0, microsecond=0)
    return cached(con, ("records", minute), lambda: COUNTS.read(con, now=now, soon=soon))


def page(con: Connection, status: Status, q: str | None, after: Position | None, limit: int) -> Page:
    """Up to `limit` records: all newest first, active and soon soonest expiry first, expired latest first.

    `q` keeps titles with all its words (each may be the beginning of one); a `q` without any word, such
    as an emoji, keeps titles that contain it as it is.
    """
    which, order, beyond = LISTS[status]
    limit = min(limit, LONGEST)
    values: dict[str, object] = {}
    if after is not None:
        which = f"{which} AND {beyond}"
        values["after_id"] = after.id
        if ":after_date" in beyond:
            values["after_date"] = after.expiry_date
    if q is None or not q.strip():
        return _page(con, PLAIN, which, order, "", values, limit)
    ((words,),) = con.query(WORDS, q=q)
    values["q"] = q
    if not words:
        walked = _walk(con, (WALKED,), which, order, BY_SIGNS, values, limit)
        return walked or _collect(con, COLLECT, which, order, BY_SIGNS, values, limit)
    lettered = values | {"parts": [f"%{word}%" for word in words]}
    walked = _walk(con, (WALKED, FAR), which, order, BY_LETTERS, lettered, limit)
    if walked is not None:
        return walked
    rare = _rare(con, words)
    if rare == words:
        return _collect(con, COLLECT, which, order, BY_WORDS, values, limit)
    return _collect(con, COLLECT_RARE, which, order, BY_LETTERS, lettered | {"rare": " ".join(rare)}, limit)


def _walk(
    con: Connection,
    lengths: Sequence[int],
    which: str,
    order: str,
    search: str,
    values: dict[str, object],
    limit: int,
) -> Page | None:
    """The page, if so many of the first records of the list fill it."""
    for walked in lengths:
        found = _page(con, WALK, which, order, search, values, limit, walked)
        if found.end is not None:
            return found
        number = 0 if found.items == "[]" else found.items.count("\n") + 1
        if number * FAR <= limit * walked:
            break
    return None


def _collect(
    con: Connection, source: str, which: str, order: str, search: str, values: dict[str, object], limit: int
) -> Page:
    with room(con):
        return _page(con, source, which, order, search, values, limit)


def _rare(con: Connection, words: list[str]) -> list[str]:
    """The words that titles are collected by: all but the common ones, as far as PostgreSQL's statistics know."""
    if len(words) == 1:
        return words
    expected = [con.query(EXPECTED, word=word)[0][0][0]["Plan"]["Plan Rows"] for word in words]
    most = min(expected) * COMMONER
    return [word for word, rows in zip(words, expected, strict=True) if rows <= most]


def _page(
    con: Connection,
    source: str,
    where: str,
    order: str,
    search: str,
    values: dict[str, object],
    limit: int,
    walked: int = WALKED,
) -> Page:
    ((text,),) = con.query(_statement(source, where, order, search, walked), **values, limit=limit)
    if text.count("\n") < limit:
        return Page(f"[{text}]", None)
    items, _, _ = text.rpartition(",\n")
    return Page(f"[{items}]", _position(items.rpartition("\n")[2]))


@cache
def _statement(source: str, where: str, order: str, search: str, walked: int) -> str:
    return PAGE.format(
        source=source.format(where=where, order=order, search=search, walked=walked), order=order
    )


def _position(item: str) -> Position:
    last = json.loads(item)
    return Position(last["id"], datetime.fromisoformat(last["expiry_date"]))


def _only(rows: list[list[str]]) -> str | None:
    return rows[0][0] if rows else None
