"""Notifies of new dead letters: messages that a job's function rejected again and again."""

from datetime import datetime

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.queries import queue_depths


def report(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Notify of each job that has more dead letters than in the last pass. Returns how many jobs.

    Raises RuntimeError at the end when some queues could not be read.
    """
    found = queue_depths.depths()
    reported = for_each(
        found.jobs, str, lambda job: _report(con, now, job, found.jobs[job]["dead"]), deadline
    )
    if found.problem:
        raise RuntimeError(found.problem)
    return reported


def _report(con: Connection, now: datetime, job: str, dead: int) -> int:
    rows = con.query(
        """
        WITH changed AS (
            UPDATE job SET dead_letters = :dead::integer
            FROM (SELECT name, dead_letters FROM job WHERE name = :name FOR UPDATE) AS before
            WHERE job.name = before.name AND before.dead_letters <> :dead::integer
            RETURNING job.name, before.dead_letters AS before
        )
        INSERT INTO notification (at, event, job, key, detail)
        SELECT :now::timestamptz, 'dead_letters', name, name || ' ' || :now::timestamptz,
               jsonb_build_object('count', :dead::integer)
        FROM changed WHERE before < :dead::integer
        RETURNING job
        """,
        name=job,
        dead=dead,
        now=now,
    )
    return len(rows)
