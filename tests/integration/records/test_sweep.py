"""Many records in one sweep: all that are chosen, no other, whatever people do to them meanwhile."""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection, StatementError
from slowmatch.records import queries, upkeep
from slowmatch.records.sweep import RECORDS_PER_PAGE, Sweep
from slowmatch.testing.postgres import Postgres

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DUE, STALE = upkeep.due(NOW), upkeep.stale(NOW, 30 * DAY)
LIMIT = 10 * RECORDS_PER_PAGE
LEFT = "SELECT id FROM record WHERE expiry_date <= CAST(:now AS timestamptz) AND NOT is_expired"


@pytest.fixture
def many(con: Connection) -> Connection:
    """18,000 records on about 170 pages: a third is due, a third expired for long, a third active.

    So many that the table is truncated afterwards, and leaves the plans of other tests alone.
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
def other(many: Connection, postgres: Postgres, shared_database: str) -> Iterator[Any]:
    """A connection of somebody else, in a transaction."""
    with closing(postgres.connect(shared_database)) as connection:
        connection.run("BEGIN")
        yield connection


@pytest.mark.parametrize("limit", [LIMIT, RECORDS_PER_PAGE, RECORDS_PER_PAGE - 1, 5000])
def test_a_sweep_marks_all_that_is_due_and_nothing_else(many: Connection, limit: int) -> None:
    sweep = Sweep(many, DUE, limit, "record-expiry", {})
    assert sweep.total == 6000
    assert list(sweep)[-1] == sweep.done == 6000
    assert many.query("SELECT count(*) FROM record WHERE is_expired") == [[12000]]
    assert many.query(LEFT, now=NOW) == []


def test_a_sweep_deletes_all_that_is_stale_and_nothing_else(many: Connection) -> None:
    assert list(Sweep(many, STALE, LIMIT, "db-cleanup", {}))[-1] == 6000
    assert many.query("SELECT count(*), count(*) FILTER (WHERE is_expired) FROM record") == [[12000, 0]]


def test_every_transaction_leaves_an_event_and_they_add_up(many: Connection) -> None:
    list(Sweep(many, DUE, LIMIT, "record-expiry", {}))
    ((events, total, actors),) = many.query(
        "SELECT count(*), sum(count), array_agg(DISTINCT actor) FROM record_event WHERE action = 'expired'"
    )
    assert (total, actors) == (6000, ["record-expiry"])
    assert events > 3


def test_a_sweep_goes_on_where_an_earlier_one_stopped(
    many: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0, 0.05)  # each look at the clock takes a while
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    stopped = Sweep(many, DUE, LIMIT, "record-expiry", {})
    done = next(iter(stopped))
    assert 0 < done < 6000
    resumed = Sweep(many, DUE, LIMIT, "record-expiry", stopped.cursor)
    assert (resumed.cursor, resumed.total) == (stopped.cursor, 6000)
    assert list(resumed)[-1] == 6000


def test_the_cursor_of_a_run_that_an_older_version_began_is_understood(many: Connection) -> None:
    assert list(Sweep(many, DUE, LIMIT, "record-expiry", {"done": 7}))[-1] == 6007


def test_a_locked_record_is_left_and_all_others_are_done(many: Connection, other: Any) -> None:
    other.run("SELECT FROM record WHERE id = 4500 FOR UPDATE")
    sweep = Sweep(many, DUE, LIMIT, "record-expiry", {})
    assert list(sweep)[-1] == 5999
    assert many.query(LEFT, now=NOW) == [[4500]]


def test_only_a_lock_is_passed_over(many: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise StatementError({"M": "refused", "C": "23514"})

    monkeypatch.setattr(upkeep, "change_pages", refuse)
    with pytest.raises(StatementError, match="refused"):
        list(Sweep(many, DUE, LIMIT, "record-expiry", {}))


@pytest.mark.parametrize("chosen", [DUE, STALE])
def test_a_record_that_is_renewed_while_the_sweep_waits_for_it_stays(
    many: Connection, other: Any, chosen: upkeep.Chosen
) -> None:
    record_id = 4500 if chosen is DUE else 4501
    other.run(
        "UPDATE record SET expiry_date = :date, is_expired = false WHERE id = :id",
        date=NOW + DAY,
        id=record_id,
    )
    with ThreadPoolExecutor() as thread:
        swept = thread.submit(lambda: list(Sweep(many, chosen, LIMIT, "a job", {}))[-1])
        while not swept.done() and not _waits(other):
            pass
        other.run("COMMIT")
        assert swept.result() == 5999
    kept = queries.get(many, record_id)
    assert kept is not None
    assert '"is_expired":false' in kept.replace(" ", "")


def test_a_record_that_was_only_renamed_meanwhile_is_marked_all_the_same(
    many: Connection, other: Any
) -> None:
    other.run("UPDATE record SET title = 'renamed' WHERE id = 4500")
    with ThreadPoolExecutor() as thread:
        swept = thread.submit(lambda: list(Sweep(many, DUE, LIMIT, "a job", {}))[-1])
        while not swept.done() and not _waits(other):
            pass
        other.run("COMMIT")
        assert swept.result() in (5999, 6000)  # one that waits for too long leaves it to the next
    list(Sweep(many, DUE, LIMIT, "a job", {}))
    assert many.query("SELECT title, is_expired FROM record WHERE id = 4500") == [["renamed", True]]


def test_two_sweeps_at_once_share_the_work(many: Connection, environment: Any) -> None:
    with closing(Connection(environment)) as second, ThreadPoolExecutor() as threads:
        sweeps = [Sweep(con, DUE, LIMIT, "record-expiry", {}) for con in (many, second)]
        counts = list(threads.map(lambda sweep: list(sweep)[-1], sweeps))
    assert sum(counts) == 6000
    assert many.query(LEFT, now=NOW) == []


@pytest.mark.parametrize(("chosen", "longest"), [(DUE, 0.5), (STALE, 0.05)])
def test_batches_shrink_when_they_take_long_and_grow_when_they_do_not(
    con: Connection, chosen: upkeep.Chosen, longest: float
) -> None:
    sweep = Sweep(con, chosen, 10_000, "a job", {})
    sizes = []
    for count, batches in [(10_000, 4), (2_500, 1), (2_500, 0.2), (60, 0.002), (60, 0.002), (20, 1.6)]:
        sweep._pace(count, batches * longest)
        sizes.append(sweep._limit)
    assert sizes == [2_500, 2_500, 5_000, 5_000, 10_000, 5_000]


def _waits(other: Any) -> bool:
    found: list[list[int]] = other.run("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return found[0][0] > 0
