"""Makes runs in any state by writing them into the database."""

from datetime import timedelta
from typing import Any

from slowmatch.db import Connection
from tests.support.run_rows import insert, run_rows

JOB = "record-expiry"


def make_run(
    con: Connection,
    state: str,
    ago: float = 0,
    *,
    run_fields: dict[str, Any] | None = None,
    attempt_fields: dict[str, Any] | None = None,
    **given: Any,
) -> str:
    """Make a run created `ago` seconds ago, with these columns of it and of its last attempt.

    See `run_rows` for what else can be given.
    """
    usual = {"job": JOB, "error": "MailRefused: 421", "by": "kim@example.com"}
    rows = run_rows(state, ago=timedelta(seconds=ago), **(usual | given))
    rows["job_run"][0] |= run_fields or {}
    if attempt_fields:
        rows["job_attempt"][-1] |= attempt_fields
    insert(con.query, rows)
    return str(rows["job_run"][0]["id"])


def make_runs(con: Connection, number: int, state: str = "deleted", job: str = JOB) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at)
        SELECT uuidv7(), :job, :state, false, 'api', 11, now(), now(), now()
        FROM generate_series(1, CAST(:number AS integer))
        """,
        job=job,
        state=state,
        number=number,
    )


def count_by_state(con: Connection) -> dict[str, int]:
    return dict(con.query("SELECT state, count(*) FROM job_run GROUP BY state"))


def run_state(con: Connection, run_id: str) -> str:
    ((state,),) = con.query("SELECT state FROM job_run WHERE id = CAST(:id AS uuid)", id=run_id)
    return str(state)
