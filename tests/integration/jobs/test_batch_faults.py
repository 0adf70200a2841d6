"""A batch whose connection, database, locks or time give out: nothing is lost, and no neighbour is harmed."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from slowmatch.db import Connection, StatementError, Unavailable
from slowmatch.jobs import Context, Continue
from slowmatch.jobs.lifecycle.claim import CLAIM, CLAIM_BATCH
from slowmatch.jobs.lifecycle.finish import (
    FINISH,
    FINISH_BATCH,
    FINISH_BATCH_SUCCEEDED,
    FINISH_SUCCEEDED,
)
from tests.integration.jobs.batches import JOB, delete, in_order, put, states, succeed, use_up_the_time
from tests.integration.jobs.conftest import Queues, Work
from tests.support.handlers import refuse

LOST = Unavailable("the connection to the database was lost")
FINISHES = (FINISH, FINISH_SUCCEEDED, FINISH_BATCH, FINISH_BATCH_SUCCEEDED)


def lines(con: Connection) -> list[str]:
    """What the logs of all runs say."""
    return [message for (message,) in con.query("SELECT message FROM job_log ORDER BY id")]


@pytest.fixture
def refuse_query(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes statements raise an error, `times` times, before or after PostgreSQL has carried them out."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def refuse(error: Exception, *refused: str, times: int = 1000, committed: bool = False) -> list[str]:
        query = Connection.query
        left = iter(range(times))
        asked: list[str] = []

        def answer(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
            asked.append(sql)
            if (sql in refused or not refused) and next(left, None) is not None:
                if committed:
                    query(self, sql, **params)
                if isinstance(error, Unavailable):
                    self.close()
                raise error
            return query(self, sql, **params)

        monkeypatch.setattr(Connection, "query", answer)
        return asked

    return refuse


@pytest.mark.parametrize("committed", [False, True])
def test_a_connection_lost_in_a_finish_costs_nothing(
    batch: Work, con: Connection, queues: Queues, refuse_query: Callable[..., Any], committed: bool
) -> None:
    """Even if the results were written: that is recognized, and what follows from them is sent."""
    messages = put(con)
    queues.take_all(JOB)
    refuse_query(LOST, FINISH_BATCH, times=1, committed=committed)
    batch.handler = in_order(succeed, lambda _: Continue({"part": 1}), succeed)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "succeeded"] and lines(con) == []
    assert queues.take_all(JOB) == [{**messages[1], "attempt": 2}]


def test_a_finish_whose_answer_was_lost_still_hands_the_place_on(
    work: Work, con: Connection, queues: Queues, refuse_query: Callable[..., Any]
) -> None:
    first, second = put(con, 2, job="record-expiry")
    queues.take()
    con.query(
        "UPDATE job_run SET message_at = message_at + interval '1 minute' WHERE id = CAST(:id AS uuid)",
        id=second["run_id"],
    )
    refuse_query(LOST, FINISH_SUCCEEDED, times=1, committed=True)
    assert work.deliver(first) == [] and queues.take() == [second]


def test_a_connection_lost_at_the_end_of_a_handler_costs_nothing(
    batch: Work, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Connection.now
    asked = iter(range(10))

    def lose(self: Connection) -> Any:
        if next(asked) == 1:  # the first time is that of the claim
            raise LOST
        return now(self)

    (message,) = put(con, 1)
    monkeypatch.setattr(Connection, "now", lose)
    assert batch.deliver(message) == [] and states(batch) == ["succeeded"]


def refusal(sqlstate: str) -> StatementError:
    return StatementError({"C": sqlstate, "M": "not now"})


def test_results_are_written_again_after_a_deadlock(
    batch: Work, con: Connection, refuse_query: Callable[..., Any]
) -> None:
    refuse_query(refusal("40P01"), FINISH_BATCH_SUCCEEDED, times=1)
    assert batch.deliver(*put(con, 2)) == [] and states(batch) == ["succeeded"] * 2


@pytest.mark.parametrize("sqlstate", ["40P01", "53100", "XX000"])
def test_what_passes_with_time_is_no_failure_of_a_run(
    batch: Work, con: Connection, refuse_query: Callable[..., Any], sqlstate: str
) -> None:
    """Such as a full disk: the runs are left to the dispatcher."""
    refuse_query(refusal(sqlstate), FINISH_BATCH_SUCCEEDED, FINISH_SUCCEEDED)
    assert batch.deliver(*put(con, 2)) == [] and states(batch) == ["processing"] * 2


def test_messages_of_claimed_runs_can_start_nothing_more(
    batch: Work, con: Connection, one_at_a_time: None, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 4)
    batch.handler = in_order(succeed, succeed, lambda _: len(refuse_query(LOST, *FINISHES)))
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "succeeded", "processing", "processing"]


def test_what_has_not_begun_is_given_back_when_results_cannot_be_written(
    batch: Work, con: Connection, one_at_a_time: None, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 4)
    refuse_query(LOST, FINISH_BATCH_SUCCEEDED, times=2)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["succeeded", "enqueued", "enqueued", "enqueued"] and len(batch.seen) == 1
    assert "results before it could not be written" in batch.events(batch.runs()[1].id)[-1][2]


def test_a_database_that_is_away_is_asked_once_for_all_messages(
    batch: Work, con: Connection, refuse_query: Callable[..., Any]
) -> None:
    messages = put(con, 3)
    asked = refuse_query(LOST)
    assert batch.deliver("no JSON", *messages) == ["0", "1", "2", "3"]
    assert asked == [CLAIM_BATCH]


@pytest.mark.parametrize("broken", ["messages.send", "publishing.publish", "reports.note_handler_end"])
def test_what_follows_from_results_does_not_hold_up_others(
    batch: Work, con: Connection, one_at_a_time: None, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def refuse_all(*_: Any, **__: Any) -> int:
        raise OSError("there is no network")

    batch.handler = in_order(lambda _: Continue({"part": 1}), refuse, delete, succeed)
    messages = put(con, 4)
    monkeypatch.setattr(f"slowmatch.jobs.worker.result_writer.{broken}", refuse_all)
    assert batch.deliver(*messages) == []
    assert states(batch) == ["enqueued", "failed", "deleted", "succeeded"]


def test_a_handler_that_exits_fails_its_run_alone(batch: Work, con: Connection) -> None:
    batch.handler = in_order(succeed, lambda _: sys.exit("no such option"), succeed)
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["succeeded", "scheduled", "succeeded"]
    assert batch.runs()[1].error == "SystemExit: no such option"


@pytest.mark.parametrize("until", ["the others are written", "its statement is cancelled"])
def test_a_lock_on_one_run_holds_up_no_result_of_another(
    batch: Work, con: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    """A run that stays locked is left to the dispatcher."""
    found: list[list[str]] = []
    query = Connection.query

    def lock(context: Context) -> None:
        other.script("BEGIN")
        other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=context.run_id)

    def unlock(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
        if sql == FINISH_SUCCEEDED:
            found.append(states(batch))
            if until == "the others are written":
                other.script("ROLLBACK")
            else:
                self.script("SET statement_timeout = '100ms'")
        return query(self, sql, **params)

    messages = put(con)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(Connection, "query", unlock)
    batch.handler = in_order(lock, succeed, succeed)
    assert batch.deliver(*messages) == []
    assert found[0] == ["processing", "succeeded", "succeeded"]
    assert states(batch)[0] == ("succeeded" if until == "the others are written" else "processing")


def test_a_run_that_stays_locked_holds_up_no_other_message(
    batch: Work, con: Connection, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Connection.query

    def limit(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
        if sql == CLAIM and first["run_id"] in params["wanted"]:
            self.script("SET statement_timeout = '100ms'")
        return query(self, sql, **params)

    first, second = put(con, 2)
    con.query("UPDATE job_run SET claim_alone = true")
    other.script("BEGIN")
    other.query("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=first["run_id"])
    monkeypatch.setattr(Connection, "query", limit)
    assert batch.deliver(first, second) == ["0"] and states(batch) == ["enqueued", "succeeded"]


def test_exclusive_runs_without_time_stay_in_the_queue(work: Work, con: Connection) -> None:
    work.handler = use_up_the_time(work)
    assert work.deliver(*put(con, job="record-expiry")) == ["1", "2"]
    assert states(work) == ["succeeded", "enqueued", "enqueued"]


def test_runs_that_are_claimed_alone_without_time_stay_in_the_queue(batch: Work, con: Connection) -> None:
    messages = put(con)
    con.query("UPDATE job_run SET claim_alone = true")
    batch.handler = use_up_the_time(batch)
    assert batch.deliver(*messages) == ["1", "2"]
    assert states(batch) == ["succeeded", "enqueued", "enqueued"]
