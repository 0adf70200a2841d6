"""Bulk actions: a thousand runs a call, as a record that says who, what, how many and how far."""

from datetime import timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP
from slowmatch.jobs.lifecycle import actions, bulk_actions
from slowmatch.jobs.queries import audit_log, runs
from slowmatch.jobs.run_filter import RunFilter
from tests.support.runs import put_runs

JOB = "db-cleanup"
FAILED = RunFilter(state="failed", job=JOB)


@pytest.fixture(autouse=True)
def thousand_is_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BULK", 10)


def test_an_action_goes_on_call_by_call_until_none_is_left(con: Connection) -> None:
    put_runs(con, JOB, 25, state="failed")
    put_runs(con, "record-expiry", 5, state="failed")
    found = bulk_actions.start(con, "delete", FAILED, actor="ann")
    assert (found.total, found.done, found.finished_at) == (25, 10, None)
    put_runs(con, JOB, 5, state="failed", age=timedelta(0))  # later than the action
    calls = [bulk_actions.advance(con, found.id, actor="ann") for _ in range(2)]
    assert [(call.done, call.finished_at is None) for call in calls if call] == [(20, True), (25, False)]
    assert bulk_actions.advance(con, found.id, actor="ann") is None
    assert con.query("SELECT count(*) FROM job_run WHERE state = 'deleted'") == [[25]]


def test_a_stopped_action_goes_on_only_when_somebody_says_so(con: Connection) -> None:
    put_runs(con, JOB, 25, state="failed")
    started = bulk_actions.start(con, "delete", FAILED, actor="ann")
    stopped = bulk_actions.stop(con, started.id, actor="bob")
    assert stopped is not None and (stopped.stopped_by, stopped.done) == ("bob", 10)
    assert bulk_actions.advance(con, started.id, actor="ann") is None
    resumed = bulk_actions.advance(con, started.id, actor="cid", resume=True)
    assert resumed is not None and (resumed.stopped_by, resumed.done) == (None, 20)


def test_an_action_that_nobody_drives_is_not_running(con: Connection) -> None:
    put_runs(con, JOB, 25, state="failed")
    started = bulk_actions.start(con, "delete", FAILED, actor="ann")
    assert started.is_running(con.now())
    assert not started.is_running(con.now() + bulk_actions.MAX_PAUSE)


def test_selected_runs_that_moved_on_are_counted_but_not_changed(con: Connection) -> None:
    put_runs(con, JOB, 3, state="failed")
    put_runs(con, JOB, 1, state="succeeded")
    ids = [row[0] for row in con.query("SELECT id::text FROM job_run")]
    found = bulk_actions.change_selected(con, "delete", ids, actor="ann")
    assert (found.total, found.done, found.filter) == (4, 3, None)


def test_the_runs_of_an_action_are_found_by_it(con: Connection) -> None:
    put_runs(con, JOB, 8, state="failed")
    found = bulk_actions.start(con, "requeue", FAILED, actor="ann")
    put_runs(con, JOB, 3, state="enqueued")
    assert runs.page(con, RunFilter(bulk_action=found.id)).size == 8


def test_the_audit_log_has_an_action_once_with_its_filter(con: Connection) -> None:
    put_runs(con, JOB, 25, state="failed")
    started = bulk_actions.start(con, "delete", FAILED, actor="ann")
    bulk_actions.advance(con, started.id, actor="ann")
    ((item,), _) = audit_log.page(con, None, 5)
    assert (item["kind"], item["actor"], item["action"], item["count"]) == ("bulk", "ann", "deleted", 20)
    assert item["bulk"].filter.job == JOB and item["bulk"].total == 25


def test_counts_are_near_the_truth_after_a_large_action(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "BULK", 5 * COUNT_CAP)
    put_runs(con, JOB, 5 * COUNT_CAP, state="failed")
    con.query("ANALYZE job_run")
    started = bulk_actions.start(con, "delete", FAILED, actor="ann")
    bulk_actions.advance(con, started.id, actor="ann")
    assert runs.counts(con)["deleted"].about == 5 * COUNT_CAP
