"""Runs of a job that was taken out of the catalog: they are told, can be deleted, and disturb nothing."""

from datetime import timedelta
from typing import Any

import pytest

from console.views.warnings import wrong
from slowmatch.db import Connection
from slowmatch.db.counts import CAP, Count
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.lifecycle.messages import Depths
from slowmatch.jobs.queries import overview, removed_jobs
from slowmatch.jobs.run_filter import RunFilter
from tests.integration.jobs.conftest import put_waiting


def test_runs_are_counted_by_removed_job_up_to_the_cap(con: Connection) -> None:
    put_waiting(con, "a-job", 2)
    put_waiting(con, "a-job", state="scheduled")
    put_waiting(con, "z-job", CAP + 1)
    put_waiting(con, "db-cleanup", 3)
    assert removed_jobs.waiting_for_removed_jobs(con) == {"a-job": Count(3, False), "z-job": Count(CAP, True)}


def test_nothing_waits_for_a_removed_job(con: Connection) -> None:
    assert removed_jobs.waiting_for_removed_jobs(con) == {}
    put_waiting(con, "db-cleanup")
    assert removed_jobs.waiting_for_removed_jobs(con) == {}


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (Count(1, False), "1 run waits"),
        (Count(600, False), "600 runs wait"),
        (Count(1000, True), "1,000+ runs wait"),
    ],
)
def test_the_dashboard_says_how_many_and_what_to_do(con: Connection, count: Count, said: str) -> None:
    alerts: Any = overview.alerts(con, con.now()) | {"removed": {"old-job": count}}
    alerts["last_dispatcher_tick"] = con.now().isoformat()
    (told,) = wrong(alerts, Depths({}), timedelta(0), con.now())
    assert (
        told["text"]
        == f"{said} for 'old-job', which is not deployed any more: delete them or deploy it again."
    )
    assert told["href"] == "/dashboard/runs?job=old-job"


def test_they_are_neither_the_oldest_that_waits_nor_a_silence(con: Connection) -> None:
    put_waiting(con, "old-job", CAP + 1)
    found = overview.alerts(con, con.now())
    assert (found["oldest_waiting_at"], found["silent_since"]) == (None, None)
    put_waiting(con, "db-cleanup")
    found = overview.alerts(con, con.now() + timedelta(minutes=1))
    assert found["oldest_waiting_at"] == found["silent_since"] is not None


def test_one_is_deleted_by_its_id(con: Connection) -> None:
    put_waiting(con, "old-job", 2)
    ((run_id,), _) = con.query("SELECT id::text FROM job_run ORDER BY id")
    assert actions.change(con, "delete", ids=[run_id], actor="ann").ids == [run_id]
    assert removed_jobs.waiting_for_removed_jobs(con) == {"old-job": Count(1, False)}


def test_all_are_deleted_by_a_filter_and_no_others(con: Connection) -> None:
    put_waiting(con, "old-job", 600)
    put_waiting(con, "db-cleanup")
    assert len(actions.change(con, "delete", wanted=RunFilter(job="old-job"), actor="ann").ids) == 600
    assert con.query("SELECT job FROM job_run WHERE state = 'enqueued'") == [["db-cleanup"]]
