"""A run that is deleted while it is processed was stopped, and says when its handler ended."""

from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import RunDetails
from slowmatch.jobs.queries import run_details, runs
from slowmatch.jobs.run_filter import RunFilter
from tests.integration.jobs.conftest import Call, Queues, Work
from tests.support.handlers import refuse


def stop(con: Connection, run_id: str) -> list[str]:
    return actions.change(con, "delete", ids=[run_id], actor="ann").ids


def details(con: Connection, run_id: str) -> RunDetails:
    found = run_details.details(con, run_id)
    assert found is not None
    return found


def test_a_run_deleted_while_it_is_processed_is_stopped(work: Work, con: Connection) -> None:
    work.be_killed()
    run_id = work.run().id
    assert (work.run().stopped, work.run().word) == (False, "processing")
    stop(con, run_id)
    assert (work.run().stopped, work.run().word) == (True, "stopped")
    (listed,) = runs.page(con, RunFilter(state="deleted")).items
    assert listed.stopped


def test_a_failed_run_that_is_deleted_was_not_stopped(work: Work, con: Connection) -> None:
    work.handler = refuse
    work.start_occurrence()
    stop(con, work.run().id)
    assert (work.run().state, work.run().stopped) == ("deleted", False)


def test_a_stopped_run_that_is_requeued_and_deleted_was_not_stopped(work: Work, con: Connection) -> None:
    work.be_killed()
    run_id = work.run().id
    stop(con, run_id)
    actions.change(con, "requeue", ids=[run_id], actor="ann")
    stop(con, run_id)
    assert (work.run().state, work.run().stopped) == ("deleted", False)


def test_a_handler_that_notices_the_stop_notes_when_it_ended(work: Work, con: Connection) -> None:
    def slow(context: Any) -> None:
        stop(con, context.run_id)
        assert details(con, context.run_id).handler_ended_at is None
        context.checkpoint()

    work.handler = slow
    work.start_occurrence()
    run = details(con, work.run().id)
    assert run.handler_ended_at and run.finished_at and run.handler_ended_at >= run.finished_at
    assert run.stop_noticed is True
    assert run.log[-1].message.startswith("stopped at a checkpoint")


def test_a_handler_without_a_checkpoint_works_to_its_end(work: Work, con: Connection) -> None:
    def deaf(context: Any) -> dict[str, int]:
        stop(con, context.run_id)
        return {"done": 1}

    work.handler = deaf
    work.start_occurrence()
    run = details(con, work.run().id)
    assert (run.state, run.result, run.stop_noticed) == ("deleted", None, False)
    assert run.handler_ended_at is not None
    assert "the result of this attempt was dropped" in run.log[-1].message


def test_the_end_of_an_earlier_stop_does_not_count_for_the_next(work: Work, con: Connection) -> None:
    def slow(context: Any) -> None:
        stop(con, context.run_id)
        context.checkpoint()

    work.handler = slow
    work.start_occurrence()
    run_id = work.run().id
    actions.change(con, "requeue", ids=[run_id], actor="ann")
    stop(con, run_id)
    assert details(con, run_id).handler_ended_at is None


def test_the_api_stops_only_what_is_processed(call: Call, work: Work, con: Connection) -> None:
    waiting = enqueue(con, "record-expiry").run_id
    status, problem = call("POST", f"/api/runs/{waiting}/stop")
    assert (status, "requires a run that is processing" in problem["detail"]) == (409, True)
    actions.change(con, "delete", ids=[waiting], actor="ann")
    work.be_killed()
    run_id = next(run.id for run in work.runs() if run.state == "processing")
    status, run = call("POST", f"/api/runs/{run_id}/stop")
    assert (status, run["state"], run["stopped"]) == (202, "deleted", True)


@pytest.mark.parametrize("states", [("enqueued",), ("processing",)])
def test_an_action_can_be_limited_to_a_state(
    queues: Queues, con: Connection, states: tuple[str, ...]
) -> None:
    run_id = enqueue(con, "record-expiry").run_id
    changed = actions.change(con, "delete", ids=[run_id], actor="ann", states=states).ids
    assert changed == ([run_id] if states == ("enqueued",) else [])
