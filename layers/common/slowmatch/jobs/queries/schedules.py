"""What the dispatcher knows about schedules: whether there is one, up to when it is checked, which runs were missed."""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS

MISSED_SHOWN = 3


def is_scheduled(con: Connection, job: str) -> bool | None:
    """Whether the job's rule starts it; None until the dispatcher has looked for the rule."""
    rows = con.query("SELECT schedule, schedule_history FROM job WHERE name = :job", job=job)
    return has_schedule(*rows[0]) if rows else None


def has_schedule(schedule: str | None, history: list[Any]) -> bool | None:
    """As `is_scheduled`, by what the job's row has. Each look of the dispatcher is in the history."""
    if schedule is not None:
        return True
    return False if history else None


def seen(con: Connection) -> dict[str, dict[str, Any]]:
    """By job: `checked_to`, and the last ticks that started nothing, as `missed`, newest first."""
    rows = con.query(
        f"""
        SELECT wanted.name, (SELECT ticks_checked_to FROM job WHERE job.name = wanted.name), (
            SELECT COALESCE(json_agg(occurrence ORDER BY occurrence DESC), '[]') FROM (
                SELECT occurrence FROM job_missed AS missed
                WHERE missed.job = wanted.name AND NOT EXISTS (
                    SELECT FROM job_run AS run WHERE run.job = missed.job AND run.occurrence = missed.occurrence
                )
                ORDER BY occurrence DESC LIMIT {MISSED_SHOWN}
            ) AS latest
        )
        FROM unnest(CAST(:names AS text[])) AS wanted(name)
        """,
        names=list(JOBS),
    )
    return {name: {"checked_to": checked, "missed": _times(missed)} for name, checked, missed in rows}


def _times(texts: list[str]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]
