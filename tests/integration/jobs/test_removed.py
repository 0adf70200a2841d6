"""Runs of a job that was taken out of the catalog: they are told, can be deleted, and disturb nothing."""

from datetime import timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP, CappedCount
from slowmatch.jobs.queries import health, warnings
from tests.support.runs import put_runs


def test_runs_are_counted_by_removed_job_up_to_the_cap(con: Connection) -> None:
    put_runs(con, "a-job", 2)
    put_runs(con, "a-job", state="scheduled")
    put_runs(con, "z-job", COUNT_CAP + 1)
    put_runs(con, "db-cleanup", 3)
    assert health.waiting_for_removed_jobs(con) == {
        "a-job": CappedCount(3, False),
        "z-job": CappedCount(COUNT_CAP, True),
    }


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (CappedCount(1, False), "1 run waits"),
        (CappedCount(600, False), "600 runs wait"),
        (CappedCount(1000, True), "1,000+ runs wait"),
    ],
)
def test_the_problem_says_how_many_and_what_to_do(con: Connection, count: CappedCount, said: str) -> None:
    last = health.DispatcherPass(con.now(), {}, [])
    (problem,) = warnings.dispatcher_problems(last, {"old-job": count}, con.now())
    assert (
        problem.text
        == f"{said} for old-job, which is no longer deployed: delete the runs or deploy the job again"
    )
    assert (problem.job, problem.is_outage) == ("old-job", True)


def test_they_are_neither_the_oldest_that_waits_nor_a_silence(con: Connection) -> None:
    put_runs(con, "old-job", COUNT_CAP + 1)
    found = health.facts(con, con.now())
    assert (found.oldest_waiting_at, found.silent_since) == (None, None)
    put_runs(con, "db-cleanup")
    found = health.facts(con, con.now() + timedelta(minutes=1))
    assert found.oldest_waiting_at == found.silent_since is not None
