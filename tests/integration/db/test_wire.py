"""pg8000 with one packet each way does what pg8000 does."""

from io import BytesIO
from struct import pack
from types import SimpleNamespace

import pytest

from slowmatch.db import Connection, StatementError, Unavailable


@pytest.mark.parametrize("value", [None, "", "é 🔥 \\ '", "x" * 300_000])
def test_a_value_comes_back_as_it_went(con: Connection, value: str | None) -> None:
    assert con.query("SELECT CAST(:value AS text)", value=value) == [[value]]


def test_many_rows_come_in_order(con: Connection) -> None:
    rows = con.query("SELECT n, repeat('x', 100) FROM generate_series(1, :count) AS n", count=5000)
    assert [number for number, _ in rows] == list(range(1, 5001))


def test_a_statement_that_failed_leaves_no_answer_for_the_next(con: Connection) -> None:
    for _ in range(3):
        with pytest.raises(StatementError, match="division by zero"):
            con.query("SELECT 1 / CAST(:zero AS int)", zero=0)
        assert con.query("SELECT CAST(:one AS int)", one=1) == [[1]]


def test_a_server_that_hangs_up_within_a_message_is_told_as_such(con: Connection) -> None:
    con.query("SELECT 1")
    assert con._wire is not None
    sent = BytesIO(b"D" + pack("!ihi", 4 + 2 + 4 + 100, 1, 100) + b"x" * 50)
    con._wire._sock = SimpleNamespace(read=sent.read, write=len, flush=lambda: None, close=lambda: None)
    with pytest.raises(Unavailable, match="closed the connection"):
        con.query("SELECT 1")
    assert con.query("SELECT 1") == [[1]]


def test_a_server_that_hangs_up_in_the_middle_is_told_as_such(con: Connection) -> None:
    with pytest.raises(Unavailable):
        con.query("SELECT pg_terminate_backend(pg_backend_pid()), CAST(:one AS int)", one=1)
    assert con.query("SELECT CAST(:one AS int)", one=1) == [[1]]
