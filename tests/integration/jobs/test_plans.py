"""What PostgreSQL does for a question must not grow with runs that the question is not about."""

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import cards


@pytest.fixture
def runs_of_another_job(con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, attempt, max_attempts, due_at, created_at,
                             started_at, finished_at)
        SELECT uuidv7(number * interval '1 ms'), 'record-expiry', 'succeeded', true, 'schedule', 1, 11, now(), now(),
               now(), now()
        FROM generate_series(1, 50000) AS number
        """
    )
    con.script("ANALYZE job_run")


def test_the_card_of_a_job_without_runs_does_not_walk_through_those_of_others(
    con: Connection, runs_of_another_job: None
) -> None:
    plan = "\n".join(row[0] for row in con.query("EXPLAIN " + cards._KNOWN, names=["daily-summary"]))
    assert "using job_run_job_state" in plan and "using job_run_job " in plan
    assert "job_run_pkey" not in plan and "Seq Scan on job_run " not in plan, plan
