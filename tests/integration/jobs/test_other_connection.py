"""Enqueueing on a pg8000 connection of somebody else, in the transaction that they begin and end."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from local.testing.postgres import Postgres
from slowmatch.db import Connection
from slowmatch.jobs import PayloadError, enqueue, enqueue_many, on_connection
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.lifecycle.enqueue import KeyReused
from tests.integration.jobs.conftest import Queues, Work
from tests.support.shared_database import SharedDatabase


@pytest.fixture
def other(
    postgres: Postgres, shared_database: SharedDatabase, con: Connection, queues: Queues
) -> Iterator[Any]:
    """A pg8000 connection with a session of its own, which has another time zone."""
    connection = postgres.connect(shared_database.name)
    connection.run("SET TIME ZONE 'Asia/Kolkata'")
    yield connection
    connection.close()


def run_ids(con: Connection) -> list[str]:
    return [run_id for (run_id,) in con.query("SELECT id::text FROM job_run")]


def test_run_is_there_and_announced_after_the_commit(other: Any, con: Connection, queues: Queues) -> None:
    theirs = on_connection(other)
    other.run("BEGIN")
    made = enqueue(theirs, "record-expiry", {"batch_size": 5})
    assert run_ids(con) == [] and queues.take() == []
    other.run("COMMIT")
    theirs.announce()
    assert run_ids(con) == [made.run_id]
    assert queues.take() == [{"run_id": made.run_id, "attempt": 1}]


def test_rollback_leaves_no_run_and_its_announcement_starts_nothing(
    other: Any, con: Connection, queues: Queues, work: Work
) -> None:
    theirs = on_connection(other)
    other.run("BEGIN")
    enqueue(theirs, "record-expiry")
    other.run("ROLLBACK")
    theirs.announce()
    assert run_ids(con) == []
    assert work.deliver(*queues.take()) == [] and work.seen == []


def test_dispatcher_sends_what_nobody_announced_after_ten_minutes(
    other: Any, con: Connection, queues: Queues
) -> None:
    enqueue(on_connection(other), "record-expiry")
    assert redelivery.send_due(con, con.now() + timedelta(minutes=9)) == 0
    assert redelivery.send_due(con, con.now() + timedelta(minutes=11)) == 1


def test_announcement_happens_once(other: Any, queues: Queues) -> None:
    theirs = on_connection(other)
    enqueue(theirs, "record-expiry")
    theirs.announce()
    theirs.announce()
    assert len(queues.take()) == 1


def test_delayed_run_is_due_at_its_time(other: Any, con: Connection) -> None:
    due = con.now() + timedelta(hours=2)
    enqueue(on_connection(other), "record-expiry", due_at=due)
    assert con.query("SELECT state, due_at FROM job_run") == [["scheduled", due]]


def test_refused_payload_leaves_the_transaction_whole(other: Any, con: Connection) -> None:
    other.run("BEGIN")
    with pytest.raises(PayloadError):
        enqueue(on_connection(other), "record-expiry", {"batch_size": 0})
    other.run("INSERT INTO record (title, expiry_date) VALUES ('Contract', now())")
    other.run("COMMIT")
    assert con.query("SELECT title FROM record") == [["Contract"]]


@pytest.mark.parametrize(
    ("begin", "commit"), [("BEGIN", "COMMIT"), ("SELECT", "SELECT")], ids=["one", "none"]
)
def test_a_used_key_undoes_its_list_alone_in_their_transaction(
    other: Any, con: Connection, queues: Queues, begin: str, commit: str
) -> None:
    theirs = on_connection(other)
    other.run(begin)
    for payload, keys in (({}, ["used"]), ({"batch_size": 5}, ["new", "used"]), ({"batch_size": 5}, ["new"])):
        with suppress(KeyReused):
            enqueue_many(theirs, "record-expiry", [payload] * len(keys), idempotency_keys=keys)
    other.run(commit)
    theirs.announce()
    assert len(run_ids(con)) == len(queues.take()) == 2
