"""The runs of an exclusive job take turns: who is skipped, who waits, and who is handed the place."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection, StatementError
from slowmatch.jobs import claims, dispatch, enqueue, store
from tests.integration.jobs.conftest import Queues, Work


def test_a_tick_that_meets_a_running_run_is_skipped_with_the_reason(work: Work) -> None:
    def meet(context: Any) -> None:
        work.handler = lambda context: None
        work.tick("2026-11-24T03:00:00Z")

    work.handler = meet
    work.tick()
    first, second = work.runs()
    assert first["state"] == "succeeded" and second["state"] == "deleted"
    assert "still processing" in work.events(second["id"])[0][2]
    assert len(work.seen) == 1


def test_a_tick_can_wait_instead(work: Work, queues: Queues) -> None:
    work.spec = dataclasses.replace(work.spec, overlap="wait")

    def meet(context: Any) -> None:
        work.handler = lambda context: None
        for _ in range(2):
            work.tick("2026-11-24T03:00:00Z")
        assert len(work.seen) == 1 and queues.delayed() == 1
        assert "waits for the run that is processing" in work.events(work.runs()[1]["id"])[0]

    work.handler = meet
    work.tick()
    (pointer,) = queues.take()
    work.deliver(pointer)
    assert [run["state"] for run in work.runs()] == ["succeeded", "succeeded"]


def test_a_persons_run_waits_for_the_running_one_and_is_handed_its_place(
    work: Work, con: Connection, queues: Queues
) -> None:
    def meet(context: Any) -> None:
        work.handler = lambda context: "second"
        waiting = enqueue(con, "record-expiry").run_id
        (pointer,) = queues.take()
        assert work.deliver(pointer) == []
        assert store.get(con, waiting)["state"] == "enqueued"

    work.handler = meet
    work.tick()
    (pointer,) = queues.take()
    work.deliver(pointer)
    assert [run["state"] for run in work.runs()] == ["succeeded", "succeeded"]


def test_a_message_that_came_twice_waits_once(work: Work, con: Connection, queues: Queues) -> None:
    def meet(context: Any) -> None:
        enqueue(con, "record-expiry")
        (pointer,) = queues.take()
        assert work.deliver(pointer) == work.deliver(pointer) == []
        assert queues.delayed() == 1

    work.handler = meet
    work.tick()
    assert len(work.seen) == 1


def test_a_message_of_another_attempt_lets_nothing_wait(work: Work, con: Connection) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    assert not store.postpone_message(con, run_id, 2, con.now() + timedelta(minutes=1))


def end(work: Work, context: Any, how: str) -> None:
    """Take its run from the handler; `finished` is left to the handler."""
    if how == "lost":
        work.end_lease(context.run_id)
        dispatch.rescue_lost(work.con, work.con.now())
    elif how == "deleted":
        store.change(work.con, "delete", ids=[context.run_id], actor="ann")


@pytest.fixture
def nested_loops(con: Connection) -> Iterator[None]:
    """Plans as they may come: a subquery that is run again finds the next run, as it has locked the one before."""
    con.script(
        "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_hashagg = off; SET enable_sort = off"
    )
    con.script("SET enable_material = off")
    yield
    con.close()


@pytest.mark.parametrize("how", ["finished", "lost", "deleted"])
def test_a_place_that_becomes_free_is_handed_to_who_waits_longest(
    work: Work, con: Connection, queues: Queues, nested_loops: None, how: str
) -> None:
    waiting: list[str] = []

    def meet(context: Any) -> None:
        waiting.extend(enqueue(con, "record-expiry").run_id for _ in range(2))
        work.deliver(*queues.take())
        assert queues.take() == []
        end(work, context, how)

    work.handler = meet
    work.tick()
    assert queues.take() == [{"run_id": waiting[0], "attempt": 1}] and len(work.seen) == 1


@pytest.mark.parametrize("how", ["finished", "lost", "deleted"])
def test_a_place_is_not_handed_to_who_comes_anyway_or_later(
    work: Work, con: Connection, queues: Queues, how: str
) -> None:
    def meet(context: Any) -> None:
        enqueue(con, "record-expiry", due_at=con.now() + timedelta(minutes=5))
        enqueue(con, "record-expiry")
        end(work, context, how)

    work.handler = meet
    work.tick()
    assert len(queues.take()) == 1 and queues.delayed() == 1 + (how == "lost")


def test_only_a_running_run_makes_a_job_busy(con: Connection, work: Work) -> None:
    holder = claims.Holder("worker", "request", con.now(), con.now() + timedelta(minutes=3))
    with pytest.raises(StatementError, match="job_run_trigger_check"):
        claims.start(con, work.spec, holder, trigger="nobody", actor="nobody")
