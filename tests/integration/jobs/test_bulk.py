"""A bulk handler takes the contexts of a whole batch, and returns or yields a result for each."""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Context, Continue, Permanent, enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import run_details
from slowmatch.jobs.worker import result_writer
from tests.integration.jobs.conftest import Queues, Work

JOB = "send-test-mail"


@pytest.fixture
def bulk(work: Work, queues: Queues, monkeypatch: pytest.MonkeyPatch) -> Work:
    work.spec = dataclasses.replace(JOBS[JOB], max_attempts=3)
    monkeypatch.setitem(JOBS, JOB, work.spec)
    return work


def put(con: Connection, number: int = 3) -> list[dict[str, Any]]:
    return [{"run_id": enqueue(con, JOB).run_id, "attempt": 1} for _ in range(number)]


def states(work: Work) -> list[str]:
    return [run.state for run in work.runs()]


def test_each_run_gets_the_result_that_is_returned_for_it(bulk: Work, con: Connection) -> None:
    def number(contexts: list[Context]) -> list[tuple[Context, Any]]:
        return [(context, {"number": position}) for position, context in enumerate(contexts)][::-1]

    bulk.bulk_handler = number
    assert bulk.deliver(*put(con)) == []
    assert [run.result for run in bulk.runs()] == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_single_message_is_a_batch_of_one(bulk: Work, con: Connection) -> None:
    bulk.bulk_handler = lambda contexts: [(context, len(contexts)) for context in contexts]
    assert bulk.deliver(*put(con, 1)) == []
    assert bulk.run().result == 1


def test_results_may_be_errors_and_continuations(bulk: Work, con: Connection) -> None:
    def mix(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield from zip(contexts, [OSError("busy"), Permanent("unknown"), Continue({"part": 1})], strict=True)

    bulk.bulk_handler = mix
    assert bulk.deliver(*put(con)) == []
    assert states(bulk) == ["scheduled", "failed", "enqueued"]


def test_an_error_is_that_of_all_runs_without_a_result(bulk: Work, con: Connection) -> None:
    def break_off(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[1], "sent"
        raise OSError("the line is dead")

    bulk.bulk_handler = break_off
    assert bulk.deliver(*put(con)) == []
    assert states(bulk) == ["scheduled", "succeeded", "scheduled"]
    first, second, _ = bulk.runs()
    assert first.error == "OSError: the line is dead"
    assert [event[1] for event in bulk.events(second.id)] == ["enqueued", "processing", "succeeded"]


def test_a_run_that_is_forgotten_has_failed(bulk: Work, con: Connection) -> None:
    bulk.bulk_handler = lambda contexts: [(contexts[0], "sent")]
    assert bulk.deliver(*put(con, 2)) == []
    assert states(bulk) == ["succeeded", "scheduled"]
    assert bulk.runs()[1].error == "NoResult: the handler ended without a result for this run"


def test_a_result_that_is_no_pair_fails_what_is_left(bulk: Work, con: Connection) -> None:
    bulk.bulk_handler = lambda contexts: [None]  # type: ignore[list-item]
    assert bulk.deliver(*put(con, 2)) == []
    assert states(bulk) == ["scheduled", "scheduled"]


def test_each_run_has_the_lines_of_its_own_logger(bulk: Work, con: Connection) -> None:
    def log(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        for context in contexts:
            context.logger.info("sending %s", context.run_id)
            yield context, None

    bulk.bulk_handler = log
    assert bulk.deliver(*put(con, 2)) == []
    for run in bulk.runs():
        found = run_details.details(con, run.id, 10)
        assert found and [line.message for line in found.log] == [f"sending {run.id}"]


ADD_RECORD = "INSERT INTO record (title, expiry_date) VALUES ('half done', now())"


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each result is written as soon as it may be."""
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_RESULTS", 1)


def count_records(con: Connection) -> int:
    ((count,),) = con.query("SELECT count(*) FROM record")
    return int(count)


def test_results_from_a_transaction_left_open_are_failures(bulk: Work, con: Connection) -> None:
    def leave_open(contexts: list[Context]) -> list[tuple[Context, Any]]:
        con.script("BEGIN")
        con.execute(ADD_RECORD)
        return [(context, "added") for context in contexts]

    bulk.bulk_handler = leave_open
    assert bulk.deliver(*put(con, 2)) == []
    assert states(bulk) == ["scheduled"] * 2 and count_records(con) == 0
    assert (bulk.runs()[0].error or "").startswith("TransactionLeftOpen")


def test_results_from_a_transaction_that_was_rolled_back_are_failures(
    bulk: Work, con: Connection, one_at_a_time: None
) -> None:
    def break_off(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[0], "nothing to add"
        with con.transaction():
            con.execute(ADD_RECORD)
            yield contexts[1], Continue({"part": 1})
            raise OSError("the line is dead")

    bulk.bulk_handler = break_off
    assert bulk.deliver(*put(con, 2)) == []
    assert states(bulk) == ["succeeded", "scheduled"] and count_records(con) == 0
    assert bulk.runs()[1].error == "OSError: the line is dead"


def test_results_from_a_transaction_are_written_when_it_is_committed(
    bulk: Work, con: Connection, one_at_a_time: None
) -> None:
    found: list[list[str]] = []

    def add_each(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        result: dict[str, str] = {}
        for context in contexts:
            with con.transaction():
                con.execute(ADD_RECORD)
                result["added"] = context.run_id
                yield context, result
                result.clear()
                found.append(states(bulk))
        raise OSError("the line is dead")

    bulk.bulk_handler = add_each
    assert bulk.deliver(*put(con, 2)) == []
    assert found == [["processing", "processing"], ["succeeded", "processing"]]
    assert [run.result for run in bulk.runs()] == [{"added": run.id} for run in bulk.runs()]
    assert count_records(con) == 2


def test_results_from_a_transaction_begun_by_a_statement_wait_for_its_end(
    bulk: Work, con: Connection, one_at_a_time: None
) -> None:
    found: list[list[str]] = []

    def add(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        con.script("BEGIN")
        con.execute(ADD_RECORD)
        for context in contexts:
            yield context, "added"
            found.append(states(bulk))
        con.query("COMMIT")
        found.append(states(bulk))

    bulk.bulk_handler = add
    assert bulk.deliver(*put(con, 2)) == []
    assert found == [["processing"] * 2, ["processing"] * 2, ["succeeded"] * 2] and count_records(con) == 1


def test_a_stopped_run_takes_no_other_with_it(bulk: Work, con: Connection) -> None:
    def check_all(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[2], "done before"
        actions.change(con, "delete", ids=[contexts[0].run_id], actor="ann")
        for context in contexts:
            context.checkpoint()

    bulk.bulk_handler = check_all
    assert bulk.deliver(*put(con)) == []
    assert states(bulk) == ["deleted", "enqueued", "succeeded"]
    stopped, second, _ = bulk.runs()
    assert second.failures == 0 and "another run of its batch was stopped" in bulk.events(second.id)[-1][2]
    assert con.query("SELECT stop_noticed FROM job_run WHERE id = CAST(:id AS uuid)", id=stopped.id) == [
        [True]
    ]


@pytest.mark.parametrize("value", [KeyboardInterrupt(), SystemExit(2)])
def test_an_exception_of_any_kind_is_no_success(bulk: Work, con: Connection, value: BaseException) -> None:
    bulk.bulk_handler = lambda contexts: [(context, value) for context in contexts]
    assert bulk.deliver(*put(con, 1)) == [] and states(bulk) == ["scheduled"]


def test_a_handler_that_exits_keeps_the_results_it_had(bulk: Work, con: Connection) -> None:
    def leave(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[0], "sent"
        sys.exit(1)

    bulk.bulk_handler = leave
    assert bulk.deliver(*put(con, 2)) == [] and states(bulk) == ["succeeded", "scheduled"]
