"""Runs as earlier work left them, many at once."""

from datetime import timedelta

from slowmatch.db import Connection


def put_runs(
    con: Connection,
    job: str,
    number: int = 1,
    *,
    state: str = "enqueued",
    age: timedelta = timedelta(days=1),
    exclusive: bool = False,
) -> None:
    """Runs, also of a job that was removed, that were created, due and finished at one moment. None has a message."""
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at, error)
        SELECT uuidv7(), :job, state, :exclusive, 'api', 3, at, at,
               CASE WHEN state IN ('succeeded', 'failed', 'deleted') THEN at END,
               CASE WHEN state = 'failed' THEN 'E: x' END
        FROM (SELECT CAST(:state AS text) AS state, now() - CAST(:age AS interval) AS at) AS given,
             generate_series(1, CAST(:number AS integer))
        """,
        job=job,
        state=state,
        exclusive=exclusive,
        age=age,
        number=number,
    )
