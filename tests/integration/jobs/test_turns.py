"""The runs of an exclusive job take turns: who is skipped, who waits, and who is handed the place."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.app import handler as dispatcher
from slowmatch.db import Connection, StatementError
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher import redelivery, rescuer
from slowmatch.jobs.lifecycle import actions, promotion
from slowmatch.jobs.lifecycle.claim import Lease
from slowmatch.jobs.lifecycle.create import start
from slowmatch.jobs.queries import runs
from tests.integration.jobs.conftest import Queues, Work


def test_an_occurrence_during_a_run_is_skipped_with_the_reason(work: Work) -> None:
    def meet(context: Any) -> None:
        work.handler = lambda context: None
        work.start_occurrence("2026-11-24T03:00:00Z")

    work.handler = meet
    work.start_occurrence()
    first, second = work.runs()
    assert first.state == "succeeded" and second.state == "deleted"
    assert "still processing" in work.events(second.id)[0][2]
    assert len(work.seen) == 1


def test_a_persons_run_is_handed_the_place_of_the_running_one(
    work: Work, con: Connection, queues: Queues
) -> None:
    def meet(context: Any) -> None:
        work.handler = lambda context: "second"
        waiting = enqueue(con, "record-expiry").run_id
        (pointer,) = queues.take()
        assert work.deliver(pointer) == []
        assert runs.get(con, waiting).state == "enqueued"

    work.handler = meet
    work.start_occurrence()
    (pointer,) = queues.take()
    work.deliver(pointer)
    assert [run.state for run in work.runs()] == ["succeeded", "succeeded"]


def test_a_run_that_waits_has_no_message_for_an_hour(work: Work, con: Connection, queues: Queues) -> None:
    def meet(context: Any) -> None:
        enqueue(con, "record-expiry")
        (message,) = queues.take()
        assert work.deliver(message, message) == []
        assert redelivery.send_due(con, con.now() + timedelta(minutes=45)) == 0
        assert promotion.promote_and_send(con, ["record-expiry"]) == 0
        assert queues.take() == [] and queues.delayed() == 0
        assert redelivery.send_due(con, con.now() + timedelta(minutes=75)) == 1

    work.handler = meet
    work.start_occurrence()
    assert len(work.seen) == 1


def test_a_hundred_requeued_runs_make_two_messages_each(work: Work, con: Connection, queues: Queues) -> None:
    """One when they are requeued, and one when it is their turn."""
    number = 100
    ids = [enqueue(con, "record-expiry").run_id for _ in range(number)]
    actions.change(con, "delete", ids=ids, actor="ann")
    queues.take_all()
    sent = 0

    def meet(context: Any) -> None:
        nonlocal sent
        work.handler = lambda context: None
        actions.change(con, "requeue", ids=ids, actor="ann")
        sent += len(pointers := queues.take_all())
        work.deliver(*pointers)

    work.handler = meet
    work.start_occurrence("2026-11-24T03:00:00Z")
    while messages := queues.take_all():
        sent += len(messages)
        work.deliver(*messages)
    assert sent == 2 * number
    assert {run.state for run in work.runs()} == {"succeeded"}


def test_a_turn_that_nobody_gave_is_given_by_the_dispatcher(
    work: Work, con: Connection, queues: Queues, lambda_context: Any
) -> None:
    """The job became idle in the moment between a run's look at it and the note that the run waits."""
    enqueue(con, "record-expiry")
    queues.take()
    con.query("UPDATE job_run SET message_at = message_at + interval '1 hour'")
    dispatcher({}, lambda_context)
    work.deliver(*queues.take())
    assert work.run().state == "succeeded"


def test_a_job_that_becomes_idle_before_its_run_waits_starts_it(
    work: Work, con: Connection, queues: Queues
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    queues.take()
    assert promotion.let_wait(con, "record-expiry", run_id, 1)
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_a_message_of_another_attempt_lets_nothing_wait(work: Work, con: Connection) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    assert not promotion.let_wait(con, "record-expiry", run_id, 2)


def end(work: Work, context: Any, how: str) -> None:
    """Take its run from the handler; `finished` is left to the handler."""
    if how == "lost":
        work.end_lease(context.run_id)
        rescuer.rescue(work.con, work.con.now())
    elif how == "deleted":
        actions.change(work.con, "delete", ids=[context.run_id], actor="ann")


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
    work.start_occurrence()
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
    work.start_occurrence()
    assert len(queues.take()) == 1 and queues.delayed() == 1 + (how == "lost")


def test_a_broken_constraint_is_not_taken_for_a_busy_job(con: Connection, work: Work) -> None:
    lease = Lease(worker="worker", request_id="r", since=con.now(), until=con.now() + timedelta(minutes=3))
    with pytest.raises(StatementError, match="job_run_trigger_check"):
        start(con, work.spec, lease, trigger="nobody", actor="nobody")  # type: ignore[arg-type]
