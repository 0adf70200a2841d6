"""Answers are kept until something is written."""

from contextlib import closing

from local.testing.postgres import Postgres
from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import MAX_ANSWERS, cached
from tests.support.shared_database import SharedDatabase


def test_an_answer_is_kept_until_a_write(
    con: Connection, postgres: Postgres, shared_database: SharedDatabase
) -> None:
    count = Counter()
    assert [cached(con, "x", count) for _ in range(3)] == [[1], [1], [1]]
    with closing(postgres.connect(shared_database.name)) as other:
        other.run("INSERT INTO record (title, expiry_date) VALUES ('x', now())")
    assert cached(con, "x", count) == [2]


def test_nothing_is_kept_over_a_lost_connection(con: Connection, postgres: Postgres) -> None:
    count = Counter()
    cached(con, "x", count)
    ((pid,),) = con.query("SELECT pg_backend_pid()")
    postgres.keep("postgres").run(f"SELECT pg_terminate_backend({pid}, 60000)")
    assert cached(con, "x", count) == [2]


def test_what_was_answered_is_the_callers_own(con: Connection) -> None:
    count = Counter()
    cached(con, "x", count).append(7)
    assert cached(con, "x", count) == [1]


def test_each_of_the_last_keys_has_its_answer(con: Connection) -> None:
    count = Counter()
    for key in range(MAX_ANSWERS + 1):
        cached(con, key, count)
    assert cached(con, MAX_ANSWERS, count) == [MAX_ANSWERS + 1]
    assert cached(con, 0, count) == [MAX_ANSWERS + 2]


def test_a_transaction_that_writes_sees_its_own_work(con: Connection) -> None:
    count = Counter()
    with con.transaction():
        assert [cached(con, "x", count), cached(con, "x", count)] == [[1], [1]]
        con.query("INSERT INTO record (title, expiry_date) VALUES ('x', now())")
        assert [cached(con, "x", count), cached(con, "x", count)] == [[2], [3]]
    assert cached(con, "x", count) == [4]


class Counter:
    """Answers how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> list[int]:
        self.asked += 1
        return [self.asked]
