"""Pause and resume a job's schedule; each is noted with who did it and why."""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached

SHOWN = 5


class NoSchedule(Exception):
    """The job has no schedule that could be paused."""

    def __init__(self, job: str) -> None:
        super().__init__(f"{job} has no schedule that could be paused")


def has_schedule(schedule: str | None, history: list[Any]) -> bool | None:
    """Whether a rule starts the job, by its row in `job`; None until the dispatcher has looked for the rule."""
    if schedule is not None:
        return True
    return False if history else None


def is_scheduled(con: Connection, job: str) -> bool | None:
    rows = con.query("SELECT schedule, schedule_history FROM job WHERE name = :job", job=job)
    return has_schedule(*rows[0]) if rows else None


def pause(con: Connection, job: str, actor: str, note: str | None, now: datetime) -> None:
    """Let the job's scheduled occurrences pass without a run; people can still start runs. Raises NoSchedule."""
    if is_scheduled(con, job) is False:
        raise NoSchedule(job)
    con.query(
        """
        WITH paused AS (
            INSERT INTO job (name, paused_at, paused_by, pause_note)
            VALUES (:job, CAST(:now AS timestamptz), :actor, CAST(:note AS text))
            ON CONFLICT (name) DO UPDATE
            SET paused_at = EXCLUDED.paused_at, paused_by = EXCLUDED.paused_by, pause_note = EXCLUDED.pause_note
            RETURNING name
        )
        INSERT INTO schedule_event (at, job, action, actor, note)
        SELECT CAST(:now AS timestamptz), name, 'paused', :actor, CAST(:note AS text) FROM paused
        """,
        job=job,
        now=now,
        actor=actor,
        note=note,
    )


def resume(con: Connection, job: str, actor: str, now: datetime) -> None:
    """Let the job's ticks run again; nothing is noted when it was not paused."""
    con.query(
        """
        WITH resumed AS (
            UPDATE job SET paused_at = NULL, paused_by = NULL, pause_note = NULL
            WHERE name = :job AND paused_at IS NOT NULL
            RETURNING name
        )
        INSERT INTO schedule_event (at, job, action, actor)
        SELECT CAST(:now AS timestamptz), name, 'resumed', :actor FROM resumed
        """,
        job=job,
        now=now,
        actor=actor,
    )


def pauses(con: Connection, job: str) -> list[dict[str, Any]]:
    """The last pauses and resumes of a job, newest first: id, at, action, actor, note."""
    rows = cached(con, ("pauses", job), lambda: con.query(_PAUSES, job=job, limit=SHOWN))
    return [dict(zip(("id", "at", "action", "actor", "note"), row, strict=True)) for row in rows]


_PAUSES = """
    SELECT id, at, action, actor, note FROM schedule_event
    WHERE job = :job ORDER BY id DESC LIMIT CAST(:limit AS integer)
"""
