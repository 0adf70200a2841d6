"""The connection heals between statements, and says plainly what is wrong when it cannot."""

import dataclasses
import socket
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from datetime import timedelta
from typing import Any

import boto3
import pg8000.native
import pytest

from slowmatch.aws.secrets import SecretError
from slowmatch.db import Connection, SchemaMissing, StatementError, Unavailable
from slowmatch.db.connection import CONNECT_TIMEOUT_SECONDS, IDLE_SECONDS_BEFORE_PING
from slowmatch.db.errors import from_details
from slowmatch.settings import Settings


def kill(postgres: Any, con: Connection) -> None:
    """End the server's side of the connection, as a failover does."""
    ((pid,),) = con.query("SELECT pg_backend_pid()")
    postgres.keep("postgres").run(f"SELECT pg_terminate_backend({pid}, 60000)")


def test_a_connection_that_died_between_statements_is_replaced(con: Connection, postgres: Any) -> None:
    con.query("SELECT 1")
    kill(postgres, con)
    assert con.query("SELECT 1") == [[1]]


def test_a_connection_that_died_inside_a_transaction_undoes_it(con: Connection, postgres: Any) -> None:
    with pytest.raises(Unavailable), con.transaction():
        con.query("INSERT INTO record (title, expiry_date) VALUES (:title, now())", title="lost")
        kill(postgres, con)
        con.query("SELECT 1")
    assert con.query("SELECT count(*) FROM record") == [[0]]


def test_an_idle_connection_compares_the_clocks_again(con: Connection) -> None:
    con.query("SELECT 1")
    con.clock_offset = timedelta(hours=1)
    con.query("SELECT 1")
    assert con.clock_offset == timedelta(hours=1)
    con._used_at -= IDLE_SECONDS_BEFORE_PING + 1
    con.query("SELECT 1")
    assert abs(con.clock_offset) < timedelta(minutes=1)


@pytest.mark.parametrize("value", [None, "", "é 🔥 \\ '", "x" * 300_000])
def test_a_value_comes_back_as_it_was_sent(con: Connection, value: str | None) -> None:
    assert con.query("SELECT CAST(:value AS text)", value=value) == [[value]]


def test_a_failed_statement_leaves_no_answer_for_the_next(con: Connection) -> None:
    for _ in range(3):
        with pytest.raises(StatementError, match="division by zero"):
            con.query("SELECT 1 / CAST(:zero AS int)", zero=0)
        assert con.query("SELECT CAST(:one AS int)", one=1) == [[1]]


def test_a_server_that_hangs_up_during_a_statement_is_unavailable(con: Connection) -> None:
    with pytest.raises(Unavailable):
        con.query("SELECT pg_terminate_backend(pg_backend_pid()), CAST(:one AS int)", one=1)
    assert con.query("SELECT CAST(:one AS int)", one=1) == [[1]]


def test_a_statement_may_take_longer_than_connecting(con: Connection, environment: Settings) -> None:
    con.query("SELECT 1")
    assert con._pg8000 is not None
    seconds = con._pg8000._usock.gettimeout()
    assert seconds == environment.db_statement_timeout_seconds + CONNECT_TIMEOUT_SECONDS


def test_a_long_statement_does_not_wait_for_acknowledgements(con: Connection) -> None:
    con.query("SELECT 1")
    assert con._pg8000 is not None
    assert con._pg8000._usock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_after_commit_waits_for_the_commit_and_forgets_with_a_rollback(con: Connection) -> None:
    done: list[str] = []
    with con.transaction():
        con.after_commit(lambda: done.append("committed"))
        assert done == []
    with pytest.raises(RuntimeError), con.transaction():
        con.after_commit(lambda: done.append("never"))
        raise RuntimeError
    con.after_commit(lambda: done.append("at once"))
    assert done == ["committed", "at once"]


def test_after_commit_also_waits_for_the_end_of_a_transaction_begun_by_a_statement(con: Connection) -> None:
    done: list[str] = []
    con.script("BEGIN")
    con.after_commit(lambda: done.append("committed"))
    assert con.query("SELECT 1") == [[1]] and done == []
    con.query("COMMIT")
    con.script("BEGIN")
    con.after_commit(lambda: done.append("never"))
    con.close()
    assert con.query("SELECT 1") == [[1]] and done == ["committed"]


@pytest.mark.parametrize("rollback", ["ROLLBACK", "abort work;", "SELECT 1; ROLLBACK TRANSACTION"])
def test_what_was_to_follow_a_commit_is_forgotten_with_a_rollback_by_a_statement(
    con: Connection, rollback: str
) -> None:
    done: list[str] = []
    con.script("BEGIN")
    con.after_commit(lambda: done.append("never"))
    con.script(rollback)
    assert con.query("SELECT 1") == [[1]] and done == []


@pytest.mark.parametrize("block", [Connection.transaction, Connection.savepoint])
def test_a_block_is_part_of_a_transaction_begun_by_a_statement(
    con: Connection, block: Callable[[Connection], AbstractContextManager[None]]
) -> None:
    con.script("BEGIN")
    with block(con):
        con.query("CREATE TABLE undone ()")
    con.script("ROLLBACK")
    assert con.query("SELECT to_regclass('undone')") == [[None]]


def test_what_was_to_follow_a_block_is_forgotten_with_it(con: Connection) -> None:
    done: list[str] = []
    with con.transaction():
        con.after_commit(lambda: done.append("before"))
        with suppress(RuntimeError), con.savepoint():
            con.after_commit(lambda: done.append("never"))
            raise RuntimeError
        con.after_commit(lambda: done.append("after"))
    assert done == ["before", "after"]


def test_a_refused_statement_names_its_constraint(con: Connection) -> None:
    with pytest.raises(StatementError) as refused:
        con.query("INSERT INTO record (title, expiry_date) VALUES (:title, now())", title="")
    assert refused.value.constraint == "record_title_check"
    assert con.query("SELECT 1") == [[1]]


@pytest.mark.parametrize("code", ["57P01", "57P03", "08006", "53300", "57014"])
def test_a_server_that_has_no_time_for_us_is_not_available(code: str) -> None:
    error = from_details({"C": code, "M": "not now"})
    assert isinstance(error, Unavailable) and str(error).endswith(": not now")


def test_a_server_that_only_reads_since_a_failover_is_left(con: Connection) -> None:
    write = "INSERT INTO record (title, expiry_date) VALUES ('Passport', now())"
    con.query("SET default_transaction_read_only = on")
    with pytest.raises(Unavailable, match="read-only"):
        con.query(write)
    con.query(write)


def test_a_missing_table_says_migrate(con: Connection) -> None:
    with pytest.raises(SchemaMissing, match="invoke the migrate function"):
        con.query("SELECT FROM nothing_here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"db_port": 1}, "DB_HOST"),
        ({"db_name": "missing"}, "'missing'"),
        ({"db_tls": "require"}, "DB_TLS"),
    ],
)
def test_an_unreachable_database_is_named(environment: Settings, change: dict[str, Any], said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        Connection(dataclasses.replace(environment, **change)).query("SELECT 1")


def test_a_missing_secret_is_named(environment: Settings) -> None:
    with pytest.raises(SecretError, match="secret nothing cannot be read"):
        Connection(dataclasses.replace(environment, db_secret_arn="nothing")).query("SELECT 1")


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (["28P01"], None),
        (["28P01", "28P01"], "put the database user's current password there"),
        (["28000"], "DB_HOST"),
    ],
    ids=str,
)
def test_a_secret_that_was_rotated_meanwhile_is_read_once_more(
    environment: Settings, monkeypatch: pytest.MonkeyPatch, codes: list[str], said: str | None
) -> None:
    login = Connection._login
    refusals = [pg8000.native.DatabaseError({"C": code, "M": "no"}) for code in codes]

    def refused(con: Connection) -> Any:
        if refusals:
            raise refusals.pop()
        return login(con)

    monkeypatch.setattr(Connection, "_login", refused)
    with closing(Connection(environment)) as con:
        if said is None:
            assert con.query("SELECT 1") == [[1]]
        else:
            with pytest.raises(Unavailable, match=said):
                con.query("SELECT 1")
    assert refusals == []


@pytest.mark.parametrize("text", ["not json", "[]", '{"username": "x"}'])
def test_a_malformed_secret_names_the_key(environment: Settings, text: str) -> None:
    arn = boto3.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    with pytest.raises(SecretError, match="password"):
        Connection(dataclasses.replace(environment, db_secret_arn=arn)).query("SELECT 1")
