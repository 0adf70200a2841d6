"""Records are marked as expired and deleted in batches: all that are due, no other, whatever people do meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.testing.postgres import Postgres
from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from slowmatch.records.expiry import BatchUpdate
from tests.integration.records.factories import add_event, add_records, expiry_dates
from tests.integration.records.plans import indexes_of
from tests.support.shared_database import SharedDatabase

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
RETENTION = 30 * DAY
EXPIRATION, DELETION = expiry.expiration(NOW), expiry.deletion(NOW, RETENTION)
ACTIVE_AND_DUE = "SELECT id FROM record WHERE expiry_date <= CAST(:now AS timestamptz) AND NOT is_expired"


@pytest.fixture
def many(con: Connection) -> Connection:
    """18,000 records: a third is due, a third expired long ago, a third is active.

    So many that the table is truncated afterwards, which leaves the plans of other tests alone.
    """
    con.query(
        """
        INSERT INTO record (title, expiry_date, is_expired)
        SELECT 'record ' || n,
               CAST(:now AS timestamptz) + (CASE n % 3 WHEN 0 THEN -1 WHEN 1 THEN -40 ELSE 1 END) * interval '1 day',
               n % 3 = 1
        FROM generate_series(1, 18_000) AS n
        """,
        now=NOW,
    )
    return con


@pytest.fixture
def other(many: Connection, postgres: Postgres, shared_database: SharedDatabase) -> Iterator[Any]:
    """Another session's connection, in a transaction."""
    with closing(postgres.connect(shared_database.name)) as connection:
        connection.run("BEGIN")
        yield connection


@pytest.mark.parametrize("batch_size", [500, 5_000, 10_000])
def test_all_due_records_expire_and_no_other(many: Connection, batch_size: int) -> None:
    update = BatchUpdate(many, EXPIRATION, batch_size=batch_size, actor="record-expiry")
    assert update.total == 6000
    assert list(update)[-1] == update.done == 6000
    assert many.query("SELECT count(*) FROM record WHERE is_expired") == [[12000]]
    assert many.query(ACTIVE_AND_DUE, now=NOW) == []


def test_a_record_expires_at_its_very_date_and_not_before(con: Connection) -> None:
    add_records(con, NOW - MICROSECOND, NOW, NOW + MICROSECOND)
    assert expiry.count(con, EXPIRATION) == 2
    assert changed(con, EXPIRATION) == 2
    assert expiry_dates(con, "is_expired") == [NOW - MICROSECOND, NOW]
    assert expiry.count(con, EXPIRATION) == 0


def test_the_oldest_records_come_first(con: Connection) -> None:
    add_records(con, *(NOW - n * DAY for n in range(5)))
    update = iter(BatchUpdate(con, EXPIRATION, batch_size=2, actor="a job"))
    assert next(update) == 2
    assert expiry_dates(con, "is_expired") == [NOW - 4 * DAY, NOW - 3 * DAY]
    assert list(update)[-1] == 5


def test_deletion_starts_at_the_end_of_the_retention(con: Connection) -> None:
    add_records(con, NOW - RETENTION - DAY, NOW - RETENTION, NOW - RETENTION + MICROSECOND, is_expired=True)
    add_records(con, NOW - 2 * RETENTION, is_expired=False)
    assert changed(con, DELETION) == 2
    assert expiry_dates(con, "true") == [NOW - 2 * RETENTION, NOW - RETENTION + MICROSECOND]


def test_each_batch_adds_an_event_with_its_count(con: Connection) -> None:
    add_records(con, *(NOW - RETENTION - n * DAY for n in range(3)))
    list(BatchUpdate(con, EXPIRATION, batch_size=2, actor="record-expiry"))
    list(BatchUpdate(con, DELETION, batch_size=5, actor="db-cleanup"))
    rows = con.query("SELECT action, count, actor, record_id FROM record_event ORDER BY id")
    assert rows == [
        ["expired", 2, "record-expiry", None],
        ["expired", 1, "record-expiry", None],
        ["deleted", 3, "db-cleanup", None],
    ]


def test_an_update_continues_where_an_earlier_one_stopped(many: Connection) -> None:
    first = next(iter(BatchUpdate(many, EXPIRATION, batch_size=100, actor="a job")))
    second = BatchUpdate(many, EXPIRATION, batch_size=5_000, actor="a job", done=first)
    assert (second.done, second.total) == (100, 6000)
    assert list(second)[-1] == 6000


@pytest.mark.parametrize("change", [EXPIRATION, DELETION])
def test_a_record_that_is_being_renewed_stays(many: Connection, other: Any, change: expiry.Change) -> None:
    record_id = 4500 if change is EXPIRATION else 4501
    other.run(
        "UPDATE record SET expiry_date = :date, is_expired = false WHERE id = :id",
        date=NOW + DAY,
        id=record_id,
    )
    assert changed(many, change) == 5999
    other.run("COMMIT")
    assert changed(many, change) == 0
    assert '"is_expired":false' in (queries.get(many, record_id) or ("", ""))[0].replace(" ", "")


def test_two_updates_share_the_work(many: Connection, environment: Any) -> None:
    with closing(Connection(environment)) as second, ThreadPoolExecutor() as threads:
        counts = list(threads.map(lambda con: changed(con, EXPIRATION), (many, second)))
    assert sum(counts) == 6000
    assert many.query(ACTIVE_AND_DUE, now=NOW) == []


@pytest.mark.parametrize(("change", "longest"), [(EXPIRATION, 0.5), (DELETION, 0.05)])
def test_batches_follow_the_time_they_take(con: Connection, change: expiry.Change, longest: float) -> None:
    update = BatchUpdate(con, change, batch_size=10_000, actor="a job")
    sizes = []
    for count, batches in [(10_000, 4), (2_500, 1), (2_500, 0.2), (1, 1.5)]:
        update._adapt_batch_size(count, batches * longest)
        sizes.append(update.batch_size)
    assert sizes == [2_500, 2_500, 5_000, 1]


def test_the_settings_of_a_batch_end_with_it(con: Connection) -> None:
    con.script("SET synchronous_commit = on")
    add_records(con, NOW)
    assert changed(con, EXPIRATION) == 1
    assert con.query("SHOW synchronous_commit") == [["on"]]


@pytest.mark.parametrize(("change", "index"), [(EXPIRATION, "record_due"), (DELETION, "record_stale")])
def test_a_batch_comes_from_its_index(crowd: Connection, change: expiry.Change, index: str) -> None:
    assert index in indexes_of(crowd, change.batch, since=None, until=NOW, limit=100, actor="a job")


def test_events_are_deleted_after_their_retention(con: Connection) -> None:
    add_event(con, NOW - 91 * DAY, "created", 1)
    add_event(con, NOW - 89 * DAY, "created", 1)
    expiry.purge_events(con, NOW, 90 * DAY)
    assert con.query("SELECT at FROM record_event") == [[NOW - 89 * DAY]]


def changed(con: Connection, change: expiry.Change) -> int:
    """How many records a whole update changes."""
    update = BatchUpdate(con, change, batch_size=1_000, actor="a job")
    list(update)
    return update.done
