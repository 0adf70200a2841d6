"""Stores that the dispatcher passed, which the health check looks at, and reports dead letters."""

from collections.abc import Mapping
from datetime import datetime

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.duty import for_each
from slowmatch.jobs.queries import queue_depths
from slowmatch.text import to_json


def store_pass(
    con: Connection,
    now: datetime,
    done: Mapping[str, int] | None = None,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Store when a pass ended, what it did, and why duties failed.

    A duty that failed in the last pass too keeps its `since`.
    """
    problems = {
        name: {"problem": problem, "since": now.isoformat()} for name, problem in (failed or {}).items()
    }
    con.query(
        """
        INSERT INTO dispatcher_tick AS last (finished_at, done, failing)
        VALUES (:now::timestamptz, :done::jsonb, :failing::jsonb)
        ON CONFLICT (only_one) DO UPDATE
        SET finished_at = EXCLUDED.finished_at, done = EXCLUDED.done, failing = (
            SELECT COALESCE(jsonb_object_agg(key, value || jsonb_build_object(
                'since', COALESCE(last.failing -> key -> 'since', value -> 'since')
            )), '{}') FROM jsonb_each(EXCLUDED.failing)
        )
        """,
        now=now,
        done=to_json(done or {}),
        failing=to_json(problems),
    )


def report_dead_letters(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
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
