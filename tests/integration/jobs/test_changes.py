"""What people change about runs: requeue, run now, delete."""

from datetime import timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import Continue, enqueue
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.run_filter import RunFilter
from tests.integration.jobs.conftest import Queues, Work


def continue_then_fail(context: Any) -> Continue:
    if context.cursor:
        raise RuntimeError("the disk is full")
    return Continue({"part": 1})


def test_a_run_that_is_run_now_goes_on_where_it_was(work: Work, con: Connection, queues: Queues) -> None:
    work.handler = continue_then_fail
    work.start_occurrence()
    work.deliver(*queues.take())
    was = work.run()
    assert (was.state, was.attempt, was.failures) == ("scheduled", 2, 1)
    before = con.now()
    actions.change(con, "run-now", ids=[was.id], actor="ann")
    run = work.run()
    for name in ("failures", "error", "started_at", "attempt"):
        assert getattr(run, name) == getattr(was, name) is not None, name
    assert run.state == "enqueued" and run.due_at >= before
    assert work.events(run.id)[-1] == ["scheduled", "enqueued", "run-now", "ann"]
    work.handler = lambda context: context.cursor
    work.deliver(*queues.take())
    assert work.run().result == {"part": 1}


def test_a_requeued_run_begins_anew(work: Work, con: Connection) -> None:
    work.start_occurrence()
    was = work.run()
    actions.change(con, "requeue", ids=[was.id], actor="ann")
    run = work.run()
    for name in ("started_at", "finished_at", "result"):
        assert getattr(run, name) is None is not getattr(was, name), name
    assert run.attempt == 1 and run.occurrence == was.occurrence


def test_a_run_that_is_processing_is_not_requeued(work: Work, con: Connection) -> None:
    work.be_killed()
    assert actions.change(con, "requeue", ids=[work.run().id], actor="ann").ids == []
    assert work.run().state == "processing"


def test_a_failed_run_that_is_deleted_counts_as_ended_now(work: Work, con: Connection) -> None:
    work.handler = lambda context: 1 / 0
    work.start_occurrence()
    con.query("UPDATE job_run SET state = 'failed', finished_at = created_at, message_at = NULL")
    actions.change(con, "delete", ids=[work.run().id], actor="ann")
    run = work.run()
    assert run.finished_at and run.finished_at > run.created_at


def test_a_deleted_run_has_no_message_on_its_way(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    actions.change(con, "delete", ids=[run_id], actor="ann")
    assert con.query("SELECT message_at FROM job_run") == [[None]]


def test_the_message_follows_the_commit(con: Connection, queues: Queues) -> None:
    run_id = enqueue(con, "record-expiry", due_at=con.now() + timedelta(hours=1)).run_id
    with con.transaction():
        actions.change(con, "run-now", ids=[run_id], actor="ann")
        assert queues.take() == []
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_many_runs_are_changed_step_by_step(
    con: Connection, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BULK", 2)
    made = sorted(enqueue(con, "record-expiry").run_id for _ in range(5))
    steps: list[list[str]] = []
    after = None
    while not steps or after is not None:
        done = actions.change(con, "delete", actor="ann", wanted=RunFilter(), after=after)
        steps.append(done.ids)
        after = done.last
    assert steps == [made[:2], made[2:4], made[4:]]


def test_who_deletes_a_waiting_run_gives_no_place_away(work: Work, con: Connection, queues: Queues) -> None:
    def meet(context: Any) -> None:
        first, _ = (enqueue(con, "record-expiry").run_id for _ in range(2))
        work.deliver(*queues.take())
        actions.change(con, "delete", ids=[first], actor="ann")
        assert queues.take() == []

    work.handler = meet
    work.start_occurrence()
    assert len(work.seen) == 1


def test_a_time_that_is_past_is_now(work: Work, con: Connection, queues: Queues) -> None:
    before = con.now()
    enqueue(con, "record-expiry", due_at=before - timedelta(hours=1))
    assert work.run().state == "enqueued" and work.run().due_at >= before
