"""The SQL of the jobs: what the summary counts, what is due to expire, what is stale enough to go, hourly figures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.records.model import Summary

SUMMARY = """
    SELECT (SELECT count(*) FROM record),
        (SELECT count(*) FROM record WHERE created_at > :since AND created_at <= :now),
        (SELECT count(*) FROM record WHERE expiry_date > :since AND expiry_date <= :now)
"""

_COUNT = "SELECT count(*) FROM record WHERE {which}"
# By ctid, and what somebody else has locked is left: a join on id takes twice as long.
_OLDEST = """ctid = ANY(ARRAY(
            SELECT ctid
            FROM record
            WHERE {which}
            ORDER BY expiry_date, id
            LIMIT :limit
            FOR UPDATE SKIP LOCKED
        ))"""
# Not locked beforehand, which would write each page twice: PostgreSQL looks again at what somebody changed meanwhile.
_PAGES = "ctid >= CAST(:first AS tid) AND ctid < CAST(:beyond AS tid) AND {which}"


class _Statements:
    """About the records for which `which` is true; what is done to them is an event named `action`.

    A transaction of `batch_seconds` at most: what it has written to the log by then, the next commit of anybody
    else has to bring to the disk first.
    """

    def __init__(self, which: str, change: str, action: str, batch_seconds: float) -> None:
        self.action = action
        self.batch_seconds = batch_seconds
        self.count = _COUNT.format(which=which)
        self.oldest = f"{change} WHERE {_OLDEST.format(which=which)}"
        self.pages = f"{change} WHERE {_PAGES.format(which=which)}"


EXPIRE = _Statements(
    "NOT is_expired AND expiry_date <= :until", "UPDATE record SET is_expired = true", "expired", 0.5
)
# It writes about five times as much of the log in a second.
DELETE_STALE = _Statements("is_expired AND expiry_date <= :until", "DELETE FROM record", "deleted", 0.05)

_NOTE = "INSERT INTO record_event (action, count, actor) VALUES (:action, CAST(:count AS integer), :actor)"

PAGES = "SELECT pg_relation_size('record') / CAST(current_setting('block_size') AS integer)"
LOCK_TIMEOUT = "100ms"
_AT_EASE = "SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', :patience, true)"

ROLL_UP = """
    WITH since AS (
        SELECT LEAST(
            date_trunc('hour', CAST(:now AS timestamptz), 'UTC') - interval '1 hour',
            (SELECT date_trunc('hour', counted_to, 'UTC') FROM roll_up WHERE subject = 'records')
        ) AS at
    ), marked AS (
        INSERT INTO roll_up (subject, counted_to) VALUES ('records', CAST(:now AS timestamptz))
        ON CONFLICT (subject) DO UPDATE SET counted_to = EXCLUDED.counted_to
    )
    INSERT INTO record_hour (hour, created, expired, deleted)
    SELECT date_trunc('hour', event.at, 'UTC'),
           COALESCE(sum(count) FILTER (WHERE action = 'created'), 0),
           COALESCE(sum(count) FILTER (WHERE action = 'expired'), 0),
           COALESCE(sum(count) FILTER (WHERE action = 'deleted'), 0)
    FROM since JOIN record_event AS event ON event.at >= since.at AND event.at < CAST(:now AS timestamptz)
    GROUP BY 1
    ON CONFLICT (hour) DO UPDATE
    SET created = EXCLUDED.created, expired = EXCLUDED.expired, deleted = EXCLUDED.deleted
"""


def summary(con: Connection, now: datetime) -> Summary:
    """Count all records, those created and those whose date passed in the 24 hours up to `now`."""
    ((total, created, expired),) = con.query(SUMMARY, now=now, since=now - timedelta(hours=24))
    return Summary(total, created, expired)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records, and what is done to them."""

    statements: _Statements
    until: datetime


def due(now: datetime) -> Chosen:
    """Records whose date has come, to be marked as expired."""
    return Chosen(EXPIRE, now)


def stale(now: datetime, older_than: timedelta) -> Chosen:
    """Records that are expired since `older_than` or longer, to be deleted."""
    return Chosen(DELETE_STALE, now - older_than)


def count(con: Connection, chosen: Chosen) -> int:
    """How many there are."""
    return _count(con.query(chosen.statements.count, until=chosen.until))


def pages(con: Connection) -> int:
    """How many pages the table has."""
    return _count(con.query(PAGES))


def change_oldest(con: Connection, chosen: Chosen, limit: int, actor: str) -> int:
    """Change up to `limit` records, the longest over first, but none that is locked; 0: none is left."""
    return _changed(con, chosen, actor, chosen.statements.oldest, limit=limit)


def change_pages(con: Connection, chosen: Chosen, first: int, beyond: int, actor: str) -> int:
    """Change all on the pages from `first` up to, without, `beyond`, or none.

    Raises StatementError (55P03) when somebody holds a lock on one of them for longer than LOCK_TIMEOUT.
    """
    place = {"first": f"({first},0)", "beyond": f"({beyond},0)"}
    return _changed(con, chosen, actor, chosen.statements.pages, **place)


def _changed(con: Connection, chosen: Chosen, actor: str, sql: str, **values: object) -> int:
    with con.transaction():
        con.query(_AT_EASE, patience=LOCK_TIMEOUT)
        count = con.change(sql, until=chosen.until, **values)
        if count:
            con.query(_NOTE, action=chosen.statements.action, count=count, actor=actor)
        return count


def roll_up(con: Connection, now: datetime) -> None:
    """Count the last two hours again, and those that an earlier silence left; repeating it changes nothing."""
    con.query(ROLL_UP, now=now)


def purge_events(con: Connection, now: datetime, older_than: timedelta) -> None:
    """Forget what happened to records longer ago than that."""
    con.query("DELETE FROM record_event WHERE at < CAST(:oldest AS timestamptz)", oldest=now - older_than)


def _count(rows: list[list[int]]) -> int:
    return rows[0][0]
