"""Figures about jobs and runs, for the API's jobs, statistics and health."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs import cron
from slowmatch.jobs.catalog import JOBS, JobSpec

FIRINGS = 5


def jobs(con: Connection, now: datetime) -> list[dict[str, Any]]:
    """Every job of the catalog with its schedule, next firings, pause, last run and missed ticks."""
    kept = {row[0]: row[1] for row in con.query("SELECT name, to_jsonb(job) FROM job")}
    last = {row[0]: row[1] for row in con.query(_LAST_RUNS, names=list(JOBS))}
    missed = dict(con.query(_MISSED))
    return [
        _job(spec, kept.get(spec.name, {}), last.get(spec.name), missed.get(spec.name, 0), now)
        for spec in JOBS.values()
    ]


# A tick whose message came late is answered after all.
_MISSED = """
    SELECT job, count(*) FROM job_missed AS missed
    WHERE NOT EXISTS (SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence)
    GROUP BY job
"""
_LAST_RUNS = """
    SELECT wanted.name, (
        SELECT json_build_object('id', run.id, 'state', run.state, 'created_at', run.created_at,
                                 'started_at', run.started_at, 'finished_at', run.finished_at)
        FROM job_run AS run WHERE run.job = wanted.name ORDER BY run.id DESC LIMIT 1
    )
    FROM unnest(CAST(:names AS text[])) AS wanted(name)
"""


def _job(spec: JobSpec, kept: dict[str, Any], last: Any, missed: int, now: datetime) -> dict[str, Any]:
    schedule = kept.get("schedule")
    fires = schedule is not None and kept.get("schedule_enabled") and not kept.get("paused_at")
    return {
        "name": spec.name,
        "description": spec.description,
        "fields": {
            name: {"type": field.kind, "description": field.description}
            for name, field in spec.fields.items()
        },
        "exclusive": spec.exclusive,
        "overlap": spec.overlap,
        "max_attempts": spec.max_attempts,
        "schedule": schedule,
        "schedule_enabled": kept.get("schedule_enabled"),
        "next": [at.isoformat() for at in _firings(schedule, now)] if fires and schedule else [],
        "paused": {"at": kept["paused_at"], "by": kept["paused_by"], "note": kept["pause_note"]}
        if kept.get("paused_at")
        else None,
        "last_run": last,
        "missed": missed,
    }


def _firings(schedule: str, now: datetime) -> list[datetime]:
    parsed = cron.understood(schedule)
    if parsed is None:
        return []
    found: list[datetime] = []
    at = parsed.next_after(now)
    while at is not None and len(found) < FIRINGS:
        found.append(at)
        at = parsed.next_after(at)
    return found


def pause(con: Connection, job: str, actor: str, note: str | None, now: datetime) -> None:
    """Let the job's ticks pass without running; a person's runs still run."""
    con.query(
        """
        INSERT INTO job (name, paused_at, paused_by, pause_note)
        VALUES (:job, CAST(:now AS timestamptz), :actor, CAST(:note AS text))
        ON CONFLICT (name) DO UPDATE
        SET paused_at = EXCLUDED.paused_at, paused_by = EXCLUDED.paused_by, pause_note = EXCLUDED.pause_note
        """,
        job=job,
        now=now,
        actor=actor,
        note=note,
    )


def resume(con: Connection, job: str) -> None:
    con.query(
        "UPDATE job SET paused_at = NULL, paused_by = NULL, pause_note = NULL WHERE name = :job", job=job
    )


def stats(con: Connection, now: datetime, hours: int) -> str:
    """Counts by state and hourly figures of the last `hours`, as JSON text.

    `succeeded` and `deleted` count the last `hours` by the roll-up; the other states are counted as they are.
    """
    ((text,),) = con.query(
        """
        SELECT json_build_object(
            'at', CAST(:now AS timestamptz),
            'states', json_build_object(
                'enqueued', (SELECT count(*) FROM job_run WHERE state = 'enqueued'),
                'scheduled', (SELECT count(*) FROM job_run WHERE state = 'scheduled'),
                'processing', (SELECT count(*) FROM job_run WHERE state = 'processing'),
                'failed', (SELECT count(*) FROM job_run WHERE state = 'failed'),
                'succeeded', (
                    SELECT COALESCE(sum(succeeded), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
                ),
                'deleted', (SELECT COALESCE(sum(deleted), 0) FROM job_hour WHERE hour >= CAST(:since AS timestamptz))
            ),
            'retrying', (SELECT count(*) FROM job_run WHERE state = 'scheduled' AND failures > 0),
            'missed', (
                SELECT count(*) FROM job_missed AS missed
                WHERE noticed_at >= CAST(:since AS timestamptz) AND NOT EXISTS (
                    SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence
                )
            ),
            'oldest_waiting_at', (
                SELECT min(due_at) FROM job_run
                WHERE state IN ('enqueued', 'scheduled') AND due_at <= CAST(:now AS timestamptz)
            ),
            'hours', (
                SELECT COALESCE(json_agg(to_json(job_hour) ORDER BY hour, job), '[]')
                FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
            )
        )::text
        """,
        now=now,
        since=now - timedelta(hours=hours),
    )
    return str(text)


def last_dispatcher_tick(con: Connection) -> datetime | None:
    rows = con.query("SELECT finished_at FROM dispatcher_tick")
    return rows[0][0] if rows else None
