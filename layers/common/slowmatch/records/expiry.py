"""Marking records as expired, and deleting those that expired long ago, in batches.

No batch waits for the disk. A crash takes back the last batches of a run that has not ended, and its next
attempt finds their records again. The commit that ends a run, or saves its progress, waits for all before it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.db import Connection

_CHANGE_BATCH = """
    WITH batch AS (
        SELECT ctid, expiry_date
        FROM record
        WHERE {condition}
          AND expiry_date >= COALESCE(:since::timestamptz, '-infinity')
          AND expiry_date <= :until
        ORDER BY expiry_date, id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ), changed AS (
        {change}
        WHERE ctid = ANY(ARRAY(SELECT ctid FROM batch))
        RETURNING 1
    ), event AS (
        INSERT INTO record_event (action, count, actor)
        SELECT '{action}', count(*), :actor FROM changed HAVING count(*) > 0
    )
    SELECT (SELECT count(*) FROM changed), (SELECT max(expiry_date) FROM batch)
"""
EXPIRE_BATCH = _CHANGE_BATCH.format(
    condition="NOT is_expired", change="UPDATE record SET is_expired = true", action="expired"
)
DELETE_BATCH = _CHANGE_BATCH.format(condition="is_expired", change="DELETE FROM record", action="deleted")


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to the records that are due by `until`.

    A batch takes `batch_seconds` at most: the next commit of anybody else has to write to the disk first what
    the batch has added to the log.
    """

    until: datetime
    condition: str
    batch: str
    batch_seconds: float


def expiration(now: datetime) -> Change:
    """Mark the records as expired whose date has come."""
    return Change(now, "NOT is_expired", EXPIRE_BATCH, batch_seconds=0.5)


def deletion(now: datetime, older_than: timedelta) -> Change:
    """Delete the records that expired `older_than` ago or earlier. Deleting logs five times as much a second."""
    return Change(now - older_than, "is_expired", DELETE_BATCH, batch_seconds=0.05)


def count(con: Connection, change: Change) -> int:
    sql = f"SELECT count(*) FROM record WHERE {change.condition} AND expiry_date <= :until"
    return int(con.query(sql, until=change.until)[0][0])


@dataclass
class BatchUpdate:
    """Changes the records, oldest first, and gives after each transaction how many are `done` of `total`.

    Locked records are skipped. The first batch has `batch_size` records; those that follow grow and shrink so
    that each takes about as long as it may. `done` is how many an earlier invocation has changed, `since` the date
    that the last batch reached.
    """

    con: Connection
    change: Change
    batch_size: int
    actor: str
    done: int = 0
    since: datetime | None = None

    def __post_init__(self) -> None:
        self.total = self.done + count(self.con, self.change)

    def __iter__(self) -> Iterator[int]:
        while self.done < self.total and (changed := self._next_batch()):
            self.done += changed
            yield self.done

    def _next_batch(self) -> int:
        """Change the next records; each batch starts where the last one ended, past the index entries that it left."""
        began = time.monotonic()
        with self.con.transaction():
            self.con.query("SELECT set_config('synchronous_commit', 'off', true)")
            ((changed, self.since),) = self.con.query(
                self.change.batch,
                since=self.since,
                until=self.change.until,
                limit=self.batch_size,
                actor=self.actor,
            )
        self._adapt_batch_size(changed, time.monotonic() - began)
        return int(changed)

    def _adapt_batch_size(self, changed: int, seconds: float) -> None:
        allowed = int(changed * self.change.batch_seconds / seconds)
        self.batch_size = max(1, min(allowed, 2 * self.batch_size))


PURGE_EVENTS = """
    DELETE FROM record_event
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM record_event WHERE at < :oldest::timestamptz ORDER BY at LIMIT 20000))
"""


def purge_events(con: Connection, now: datetime, older_than: timedelta) -> None:
    """Delete old bulk actions, the oldest events, and the keys of imports that nobody repeats any more."""
    con.query(PURGE_EVENTS, oldest=now - older_than)
    con.query(
        "DELETE FROM record_bulk_action WHERE started_at < :oldest::timestamptz", oldest=now - older_than
    )
    con.query("DELETE FROM record_import WHERE at < :oldest::timestamptz", oldest=now - timedelta(days=1))
