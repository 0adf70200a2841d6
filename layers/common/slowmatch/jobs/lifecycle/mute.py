"""Mutes the notifications about one job's failures for some time. Each time is noted, with who did it and why."""

from dataclasses import dataclass
from datetime import datetime

from slowmatch.db import Connection


@dataclass(frozen=True, slots=True)
class Mute:
    """Until when nobody is notified, who wanted that and why."""

    until: datetime
    by: str
    note: str | None


MUTE = """
    WITH muted AS (
        INSERT INTO job (name, muted_until, muted_by, mute_note)
        VALUES (:job, :until::timestamptz, :actor, :note::text)
        ON CONFLICT (name) DO UPDATE
        SET muted_until = EXCLUDED.muted_until, muted_by = EXCLUDED.muted_by, mute_note = EXCLUDED.mute_note
        RETURNING name
    )
    INSERT INTO failure_event (at, job, action, actor, note)
    SELECT :now::timestamptz, name, 'muted', :actor, :note::text
    FROM muted
"""
UNMUTE = """
    WITH unmuted AS (
        UPDATE job
        SET muted_until = NULL, muted_by = NULL, mute_note = NULL
        WHERE name = :job AND muted_until IS NOT NULL
        RETURNING name
    )
    INSERT INTO failure_event (at, job, action, actor)
    SELECT :now::timestamptz, name, 'unmuted', :actor
    FROM unmuted
"""
# A job that still fails is told of once, with the error of its latest run.
END_MUTES = """
    WITH ended AS (
        UPDATE job
        SET muted_until = NULL, muted_by = NULL, mute_note = NULL
        WHERE muted_until <= :now::timestamptz
        RETURNING name
    )
    INSERT INTO notification (at, event, job, run_id, key, detail)
    SELECT :now::timestamptz, 'failed', name, run.id, name || ' unmuted ' || :now::text,
           jsonb_build_object('error', run.error, 'failures', in_a_row)
    FROM ended JOIN job_failures ON job_failures.job = name, LATERAL (
        SELECT id, error FROM job_run
        WHERE job_run.job = name AND error IS NOT NULL AND state IN ('failed', 'scheduled', 'enqueued', 'processing')
        ORDER BY id DESC
        LIMIT 1
    ) AS run
    ON CONFLICT DO NOTHING
"""


def mute(con: Connection, job: str, mute: Mute, now: datetime) -> None:
    """Send no notification about the job's failures until then. An earlier mute of the job is replaced."""
    con.query(MUTE, job=job, until=mute.until, actor=mute.by, note=mute.note, now=now)


def unmute(con: Connection, job: str, actor: str, now: datetime) -> None:
    """Notify about the job's next failure again; nothing is noted if it was not muted."""
    con.query(UNMUTE, job=job, actor=actor, now=now)


def end_mutes(con: Connection, now: datetime) -> None:
    """End the mutes whose time is over, and notify of the jobs among them that still fail."""
    con.query(END_MUTES, now=now)
