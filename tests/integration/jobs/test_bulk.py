"""A bulk handler takes the contexts of a whole batch, and returns or yields a result for each."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Context, Continue, Permanent
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import run_details
from tests.integration.jobs.batches import put, states
from tests.integration.jobs.conftest import Work


def test_each_run_gets_the_result_that_is_returned_for_it(batch: Work, con: Connection) -> None:
    def number(contexts: list[Context]) -> list[tuple[Context, Any]]:
        return [(context, {"number": position}) for position, context in enumerate(contexts)][::-1]

    batch.bulk_handler = number
    assert batch.deliver(*put(con)) == []
    assert [run.result for run in batch.runs()] == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_single_message_is_a_batch_of_one(batch: Work, con: Connection) -> None:
    batch.bulk_handler = lambda contexts: [(context, len(contexts)) for context in contexts]
    assert batch.deliver(*put(con, 1)) == []
    assert batch.run().result == 1


def test_results_may_be_errors_and_continuations(batch: Work, con: Connection) -> None:
    def mix(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield from zip(contexts, [OSError("busy"), Permanent("unknown"), Continue({"part": 1})], strict=True)

    batch.bulk_handler = mix
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["scheduled", "failed", "enqueued"]


def test_an_error_is_that_of_all_runs_without_a_result(batch: Work, con: Connection) -> None:
    def break_off(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[1], "sent"
        raise OSError("the line is dead")

    batch.bulk_handler = break_off
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["scheduled", "succeeded", "scheduled"]
    first, second, _ = batch.runs()
    assert first.error == "OSError: the line is dead"
    assert [event[1] for event in batch.events(second.id)] == ["enqueued", "processing", "succeeded"]


def test_a_run_that_is_forgotten_has_failed(batch: Work, con: Connection) -> None:
    batch.bulk_handler = lambda contexts: [(contexts[0], "sent")]
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["succeeded", "scheduled"]
    assert batch.runs()[1].error == "NoResult: the handler ended without a result for this run"


def test_a_result_that_is_no_pair_fails_what_is_left(batch: Work, con: Connection) -> None:
    batch.bulk_handler = lambda contexts: [None]  # type: ignore[list-item]
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["scheduled", "scheduled"]


def test_each_run_has_the_lines_of_its_own_logger(batch: Work, con: Connection) -> None:
    def log(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        for context in contexts:
            context.logger.info("sending %s", context.run_id)
            yield context, None

    batch.bulk_handler = log
    assert batch.deliver(*put(con, 2)) == []
    for run in batch.runs():
        found = run_details.details(con, run.id, 10)
        assert found and [line.message for line in found.log] == [f"sending {run.id}"]


ADD_RECORD = "INSERT INTO record (title, expiry_date) VALUES ('half done', now())"


def count_records(con: Connection) -> int:
    ((count,),) = con.query("SELECT count(*) FROM record")
    return int(count)


def test_results_from_a_transaction_left_open_are_failures(batch: Work, con: Connection) -> None:
    def leave_open(contexts: list[Context]) -> list[tuple[Context, Any]]:
        con.script("BEGIN")
        con.execute(ADD_RECORD)
        return [(context, "added") for context in contexts]

    batch.bulk_handler = leave_open
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["scheduled"] * 2 and count_records(con) == 0
    assert (batch.runs()[0].error or "").startswith("TransactionLeftOpen")


def test_results_from_a_transaction_that_was_rolled_back_are_failures(
    batch: Work, con: Connection, one_at_a_time: None
) -> None:
    def break_off(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[0], "nothing to add"
        with con.transaction():
            con.execute(ADD_RECORD)
            yield contexts[1], Continue({"part": 1})
            raise OSError("the line is dead")

    batch.bulk_handler = break_off
    assert batch.deliver(*put(con, 2)) == []
    assert states(batch) == ["succeeded", "scheduled"] and count_records(con) == 0
    assert batch.runs()[1].error == "OSError: the line is dead"


def test_results_from_a_transaction_are_written_when_it_is_committed(
    batch: Work, con: Connection, one_at_a_time: None
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
                found.append(states(batch))
        raise OSError("the line is dead")

    batch.bulk_handler = add_each
    assert batch.deliver(*put(con, 2)) == []
    assert found == [["processing", "processing"], ["succeeded", "processing"]]
    assert [run.result for run in batch.runs()] == [{"added": run.id} for run in batch.runs()]
    assert count_records(con) == 2


def test_results_from_a_transaction_begun_by_a_statement_wait_for_its_end(
    batch: Work, con: Connection, one_at_a_time: None
) -> None:
    found: list[list[str]] = []

    def add(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        con.script("BEGIN")
        con.execute(ADD_RECORD)
        for context in contexts:
            yield context, "added"
            found.append(states(batch))
        con.query("COMMIT")
        found.append(states(batch))

    batch.bulk_handler = add
    assert batch.deliver(*put(con, 2)) == []
    assert found == [["processing"] * 2, ["processing"] * 2, ["succeeded"] * 2] and count_records(con) == 1


def test_a_stopped_run_takes_no_other_with_it(batch: Work, con: Connection) -> None:
    def check_all(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[2], "done before"
        actions.change(con, "delete", ids=[contexts[0].run_id], actor="ann")
        for context in contexts:
            context.checkpoint()

    batch.bulk_handler = check_all
    assert batch.deliver(*put(con)) == []
    assert states(batch) == ["deleted", "enqueued", "succeeded"]
    stopped, second, _ = batch.runs()
    assert second.failures == 0 and "another run of its batch was stopped" in batch.events(second.id)[-1][2]
    assert con.query("SELECT stop_noticed FROM job_run WHERE id = CAST(:id AS uuid)", id=stopped.id) == [
        [True]
    ]


@pytest.mark.parametrize("value", [KeyboardInterrupt(), SystemExit(2)])
def test_an_exception_of_any_kind_is_no_success(batch: Work, con: Connection, value: BaseException) -> None:
    batch.bulk_handler = lambda contexts: [(context, value) for context in contexts]
    assert batch.deliver(*put(con, 1)) == [] and states(batch) == ["scheduled"]


def test_a_handler_that_exits_keeps_the_results_it_had(batch: Work, con: Connection) -> None:
    def leave(contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        yield contexts[0], "sent"
        sys.exit(1)

    batch.bulk_handler = leave
    assert batch.deliver(*put(con, 2)) == [] and states(batch) == ["succeeded", "scheduled"]
