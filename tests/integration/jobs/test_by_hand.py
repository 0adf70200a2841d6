"""A job's function that a person invokes: it runs at once, is recorded, and tells what became of it."""

import uuid
from datetime import datetime
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle import actions, scheduled_runs
from slowmatch.jobs.queries import runs
from slowmatch.jobs.worker.events import EventError
from slowmatch.jobs.worker.invocation import AttemptFailed
from tests.integration.jobs.conftest import OCCURRENCE, Queues, Work
from tests.support.handlers import fail, refuse

SCHEDULED = {"source": "aws.events", "time": OCCURRENCE}


def test_direct_invocation_returns_the_run(work: Work) -> None:
    run = work.invoke({})
    assert run["state"] == "succeeded" and run["trigger"] == "direct"
    assert work.events(run["id"])[0] == [None, "processing", "started by direct", "direct invocation"]
    assert work.invoke({"payload": {"batch_size": 5}})["payload"] == {"batch_size": 5}
    work.spec = JOBS["db-cleanup"]
    work.start_occurrence()
    work.spec = JOBS["record-expiry"]
    assert datetime.fromisoformat(work.invoke(SCHEDULED)["occurrence"]) == datetime.fromisoformat(OCCURRENCE)
    assert work.invoke(SCHEDULED)["occurrence"] is None


def test_direct_invocation_raises_when_the_attempt_failed(work: Work) -> None:
    work.handler = fail
    with pytest.raises(AttemptFailed, match="the disk is full; it will be retried at"):
        work.invoke({})
    work.handler = refuse
    with pytest.raises(AttemptFailed, match="no such mailbox; it will not be retried"):
        work.invoke({})
    work.handler = lambda context: "mended"
    for run in work.runs():
        mended = work.invoke({"run_id": run.id})
        assert (mended["result"], mended["error"]) == ("mended", None)


def test_a_run_that_is_started_again_by_hand_leaves_no_message(work: Work, queues: Queues) -> None:
    run = work.invoke({})
    assert work.invoke({"run_id": run["id"]})["attempt"] == 2
    assert queues.take() == []


@pytest.mark.parametrize(
    "event", [{"x": 1}, [], "text", {"run_id": "x"}, {"payload": {"no": 1}}, {"payload": 3}]
)
def test_a_direct_event_of_no_known_shape_says_what_is_accepted(work: Work, event: Any) -> None:
    with pytest.raises(ValueError, match=r"accepts|identifier|field|JSON object"):
        work.invoke(event)


def test_a_run_that_is_unknown_or_another_job_s_is_refused(work: Work, con: Connection) -> None:
    run_id = enqueue(con, "db-cleanup").run_id
    actions.change(con, "delete", ids=[run_id], actor="ann")
    for other in (run_id, str(uuid.uuid4())):
        with pytest.raises(EventError, match="there is no run"):
            work.invoke({"run_id": other})
    assert runs.get(con, run_id).state == "deleted"


def test_a_run_that_is_processing_is_not_started_beside_itself(work: Work) -> None:
    def meet(context: Any) -> None:
        with pytest.raises(EventError, match=r"cannot be started: .* is processing, attempt 1"):
            work.invoke({"run_id": context.run_id})

    work.handler = meet
    work.start_occurrence()
    assert len(work.seen) == 1


def test_an_occurrence_answered_this_very_moment_is_refused(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.start_occurrence()
    looks = iter([False, True])
    monkeypatch.setattr(scheduled_runs, "has_run", lambda *_: next(looks))
    with pytest.raises(EventError, match="started at the same time"):
        work.invoke(SCHEDULED)
    assert len(work.seen) == 1


def test_who_meets_a_running_run_by_hand_leaves_one_that_waits(work: Work, queues: Queues) -> None:
    def meet(context: Any) -> None:
        work.handler = lambda context: "second"
        assert work.invoke({})["state"] == "enqueued"
        work.deliver(*queues.take())

    work.handler = meet
    work.start_occurrence()
    work.deliver(*queues.take())
    assert work.runs()[1].result == "second"


def test_a_retry_started_by_hand_waits_only_for_the_running_run(
    work: Work, con: Connection, queues: Queues
) -> None:
    work.handler = fail
    with pytest.raises(AttemptFailed):
        work.invoke({})
    retry = work.run().id

    def meet(context: Any) -> None:
        work.handler = lambda context: "mended"
        with pytest.raises(EventError, match=f"run {retry} is waiting for it"):
            work.invoke({"run_id": retry})

    work.handler = meet
    work.start_occurrence()
    work.deliver(*queues.take())
    assert runs.get(con, retry).result == "mended"
