"""Pauses and resumes a job's schedule. Each time is noted, with who did it and why."""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached

SHOWN = 5
# A job that is known to have no schedule: the dispatcher has looked for its rule, and found none.
PAUSE = """
    WITH paused AS (
        INSERT INTO job (name, paused_at, paused_by, pause_note)
        VALUES (:job, :now::timestamptz, :actor, :note::text)
        ON CONFLICT (name) DO UPDATE
        SET paused_at = EXCLUDED.paused_at, paused_by = EXCLUDED.paused_by, pause_note = EXCLUDED.pause_note
        WHERE job.schedule IS NOT NULL OR job.schedule_history = '[]'
        RETURNING name
    )
    INSERT INTO schedule_event (at, job, action, actor, note)
    SELECT :now::timestamptz, name, 'paused', :actor, :note::text
    FROM paused
    RETURNING job
"""
RESUME = """
    WITH resumed AS (
        UPDATE job
        SET paused_at = NULL, paused_by = NULL, pause_note = NULL
        WHERE name = :job AND paused_at IS NOT NULL
        RETURNING name
    )
    INSERT INTO schedule_event (at, job, action, actor)
    SELECT :now::timestamptz, name, 'resumed', :actor
    FROM resumed
"""


class NoSchedule(Exception):
    """The job has no schedule that could be paused."""

    def __init__(self, job: str) -> None:
        super().__init__(f"{job} has no schedule that could be paused")


def pause(con: Connection, job: str, actor: str, note: str | None, *, now: datetime) -> None:
    """Let the job's scheduled occurrences pass without a run; people can still start runs. Raises NoSchedule."""
    if not con.query(PAUSE, job=job, now=now, actor=actor, note=note):
        raise NoSchedule(job)


def resume(con: Connection, job: str, actor: str, now: datetime) -> None:
    """Let the job's scheduled occurrences run again; nothing is noted if it was not paused."""
    con.query(RESUME, job=job, now=now, actor=actor)


def describe_pause(con: Connection, job: str) -> str | None:
    """Who paused the job's schedule, and the note; None if it is not paused."""
    rows = con.query(
        "SELECT paused_by, pause_note FROM job WHERE name = :job AND paused_at IS NOT NULL", job=job
    )
    if not rows:
        return None
    ((actor, note),) = rows
    return f"{actor}: {note}" if note else str(actor)


def pauses(con: Connection, job: str) -> list[dict[str, Any]]:
    """The last pauses and resumes of a job, newest first: id, at, action, actor, note."""
    rows = cached(con, ("pauses", job), lambda: con.query(_PAUSES, job=job, limit=SHOWN))
    return [dict(zip(("id", "at", "action", "actor", "note"), row, strict=True)) for row in rows]


_PAUSES = """
    SELECT id, at, action, actor, note FROM schedule_event
    WHERE job = :job ORDER BY id DESC LIMIT :limit::integer
"""
