"""A bulk handler takes the contexts of a whole batch, and returns or yields a result for each."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Context, Continue, Permanent, enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.queries import run_details
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
