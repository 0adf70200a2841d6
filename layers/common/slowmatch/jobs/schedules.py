"""What the dispatcher knows about schedules: up to when their ticks are checked, and which were missed."""

from datetime import datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS

MISSED_SHOWN = 3


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
