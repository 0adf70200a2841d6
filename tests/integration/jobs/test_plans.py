"""What PostgreSQL does for a question must not grow with runs that the question is not about."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.db.counts import COUNT_CAP
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import redelivery
from slowmatch.jobs.queries import failing, health, job_summaries, queue_depths
from tests.support.runs import put_runs


@pytest.fixture
def runs_of_another_job(con: Connection) -> None:
    put_runs(con, "record-expiry", 50_000, state="succeeded", exclusive=True)
    con.script("ANALYZE job_run")


def test_the_card_of_a_job_reads_no_runs_of_others(con: Connection, runs_of_another_job: None) -> None:
    plan = "\n".join(
        row[0] for row in con.query("EXPLAIN " + job_summaries._SUMMARIES, names='["daily-summary"]')
    )
    assert "using job_run_job_state" in plan and "using job_run_job " in plan
    assert "job_run_pkey" not in plan and "Seq Scan on job_run " not in plan, plan


@pytest.fixture
def failed_runs(con: Connection, runs_of_another_job: None) -> None:
    con.query(
        """
        UPDATE job_run SET state = 'failed', error = 'E: x'
        WHERE id IN (SELECT id FROM job_run ORDER BY id LIMIT CAST(:some AS integer))
        """,
        some=10 * COUNT_CAP,
    )
    con.script("ANALYZE job_run")


@pytest.mark.parametrize("sql", [failing.FAILURES, failing.TRENDS], ids=["failures", "trends"])
def test_what_fails_is_found_without_the_other_runs_and_jobs(
    con: Connection, failed_runs: None, sql: str
) -> None:
    now = con.now()
    given = {name: now for name in ("day", "first", "hour") if f":{name}" in sql}
    plan = "\n".join(row[0] for row in con.query("EXPLAIN " + sql, **failing._parameters(now), **given))
    assert "job_run_failed_job" in plan and "job_run_retrying_job" in plan, plan
    assert "Seq Scan on job_run " not in plan and "Sort Key: job_run" not in plan, plan


def test_figures_count_no_further_than_their_cap_and_say_so(con: Connection, failed_runs: None) -> None:
    found = json.loads(health.stats(con, con.now(), 24))
    assert (found["states"]["failed"], found["states"]["enqueued"], found["capped"]) == (
        COUNT_CAP,
        0,
        ["failed"],
    )
    values = {"now": con.now(), "since": con.now(), "names": '["record-expiry"]'}
    plan = "\n".join(row[0] for row in con.query("EXPLAIN " + health._STATS, **values))
    assert "Seq Scan on job_run " not in plan, plan


@pytest.mark.parametrize("ask", [job_summaries.list_jobs, queue_depths.waiting_runs])
def test_what_is_asked_all_day_is_not_planned_anew(
    con: Connection, failed_runs: None, ask: Callable[[Connection, datetime], object]
) -> None:
    con.close()  # and with it the plans of other tests
    for _ in range(8):
        con.query("SELECT pg_current_xact_id()")  # a write: no answer is kept
        ask(con, con.now())
    kept = con.query(
        "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE :them",
        them="%AS wanted(name)%",
    )
    assert kept == [[3]], "five times by the values, and from then on the plan for all"


@pytest.fixture
def waiting_runs(con: Connection, runs_of_another_job: None) -> None:
    """Very many wait for one job, and few for another."""
    for job, number in (("record-expiry", 20_000), ("db-cleanup", 10)):
        con.query(
            """
            INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at)
            SELECT uuidv7(number * interval '1 ms'), :job, 'enqueued', true, 'api', 11,
                   now() + number * interval '1 ms', now()
            FROM generate_series(1, CAST(:number AS integer)) AS number
            """,
            job=job,
            number=number,
        )
    con.script("ANALYZE job_run")


@pytest.mark.usefixtures("waiting_runs")
@pytest.mark.parametrize(
    ("sql", "scans"),
    [(redelivery._DUE, 1), (health._WAITING_FOR_REMOVED_JOBS, 2), (health._FACTS, 2)],
    ids=["due runs", "runs of removed jobs", "alerts"],
)
def test_each_job_s_waiting_runs_are_found_without_those_of_others(
    con: Connection, sql: str, scans: int
) -> None:
    now, names = con.now(), json.dumps(list(JOBS))
    values: dict[str, Any] = {
        name: now for name in ("now", "horizon", "overdue", "since", "late") if f":{name}" in sql
    }
    values |= {name: names for name in ("jobs", "names") if f":{name}" in sql}
    values |= {"each": 125} if ":each" in sql else {}
    plan = "\n".join(row[0] for row in con.query("EXPLAIN " + sql, **values))
    assert plan.count("job_run_waiting_job on job_run") >= scans, plan
    assert "Seq Scan on job_run " not in plan, plan
