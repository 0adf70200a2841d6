"""A run can be made from another one; both know of it, and each knows the runs of its job before and after it."""

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import PayloadError, enqueue
from slowmatch.jobs.lifecycle.enqueue import run_again
from slowmatch.jobs.queries import run_details, runs
from tests.integration.jobs.conftest import Queues
from tests.support.runs import put_runs


def make(con: Connection, job: str = "record-expiry") -> str:
    return enqueue(con, job).run_id


def links(con: Connection, run_id: str) -> tuple[str | None, list[str]]:
    run = run_details.details(con, run_id)
    assert run is not None
    return run.rerun_of, run.reruns


def test_both_runs_know_of_each_other(queues: Queues, con: Connection) -> None:
    first = runs.get(con, make(con))
    again = [
        run_again(con, first, {"batch_size": size}, trigger="console", actor="kim@example.com")
        for size in (1, 2)
    ]
    assert links(con, first.id) == (None, again)
    assert links(con, again[0]) == (first.id, [])
    assert runs.get(con, again[1]).payload == {"batch_size": 2}
    assert runs.get(con, again[1]).triggered_by == "kim@example.com"


def test_a_run_whose_origin_is_gone_names_none(queues: Queues, con: Connection) -> None:
    first = runs.get(con, make(con))
    again = run_again(con, first, {}, trigger="console", actor="kim")
    con.query("DELETE FROM job_run WHERE id = :id::uuid", id=first.id)
    assert links(con, again) == (None, [])


def test_a_payload_that_is_refused_makes_no_run(queues: Queues, con: Connection) -> None:
    first = runs.get(con, make(con))
    with pytest.raises(PayloadError):
        run_again(con, first, {"batch_size": "many"}, trigger="console", actor="kim")
    assert con.query("SELECT count(*) FROM job_run") == [[1]]


def test_the_runs_before_and_after_are_of_the_same_job(queues: Queues, con: Connection) -> None:
    first, _, second, third = (
        make(con, job) for job in ("record-expiry", "db-cleanup", "record-expiry", "record-expiry")
    )
    assert runs.neighbours(con, runs.get(con, second)) == (first, third)
    assert runs.neighbours(con, runs.get(con, first)) == (None, second)


def test_neighbours_are_found_without_the_runs_of_other_jobs(con: Connection) -> None:
    put_runs(con, "record-expiry", 20_000, state="succeeded")
    con.script("ANALYZE job_run")
    ((middle,),) = con.query("SELECT id::text FROM job_run ORDER BY id OFFSET 10000 LIMIT 1")
    explained = con.query(f"EXPLAIN {runs._NEIGHBOURS}", id=middle, job="db-cleanup")
    plan = "\n".join(row[0] for row in explained)
    assert "job_run_pkey" not in plan and "Seq Scan" not in plan, plan
