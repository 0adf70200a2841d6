"""The workers: what they do and when they were last seen, as their attempts tell."""

from collections.abc import Callable
from datetime import datetime

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.dispatcher import rescuer
from slowmatch.jobs.queries import workers
from tests.integration.jobs.conftest import Killed, Work
from tests.support.handlers import refuse


def test_workers_tell_what_they_do_and_when_they_were_seen(
    con: Connection, work: Work, later: Callable[..., datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "first")
    work.handler = refuse
    work.start_occurrence("2026-11-24T01:00:00Z")
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "second")
    work.be_killed()
    first, second = workers.workers(con, con.now())
    assert (first.worker, first.run_id, first.attempts, first.failed) == ("first", None, 1, 1)
    assert (second.worker, second.run_id) == ("second", work.runs()[1].id)
    assert second.since is not None and not second.stale and not first.stale
    work.end_lease(second.run_id or "")
    assert [worker.stale for worker in workers.workers(con, con.now())] == [False, True]
    rescuer.rescue(con, con.now())
    lost = workers.workers(con, con.now())[1]
    assert (lost.run_id, lost.failed, lost.last_seen) == (None, 1, second.last_seen)
    assert workers.workers(con, later(minutes=31)) == []


def test_a_worker_whose_attempt_never_ended_is_shown(con: Connection, work: Work) -> None:
    work.be_killed()
    con.query("UPDATE job_attempt SET started_at = started_at - interval '2 hours'")
    (worker,) = workers.workers(con, con.now())
    assert (worker.run_id, worker.attempts) == (work.run().id, 1)


def test_a_worker_was_last_seen_at_the_end_of_its_attempt(con: Connection, work: Work) -> None:
    work.start_occurrence()
    con.query("UPDATE job_attempt SET started_at = started_at - interval '40 minutes'")
    (worker,) = workers.workers(con, con.now())
    assert (worker.run_id, worker.failed) == (None, 0)


def test_a_worker_whose_run_another_one_took_over_does_nothing(
    con: Connection, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "first")
    work.be_killed()
    run_id = work.run().id
    work.end_lease(run_id)
    rescuer.rescue(con, con.now())
    work.make_due(run_id)
    monkeypatch.setenv("AWS_LAMBDA_LOG_STREAM_NAME", "second")
    with pytest.raises(Killed):
        work.deliver({"run_id": run_id, "attempt": 2})
    found = {worker.worker: worker.run_id for worker in workers.workers(con, con.now())}
    assert found == {"first": None, "second": run_id}
