"""Hourly figures: kept by the dispatcher's roll-up, and live for what came after it."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection

TALLY = """
    SELECT job, hour, succeeded, failed, deleted, retried, p50_ms, p95_ms
    FROM job_hour WHERE hour >= CAST(:since AS timestamptz)
    UNION ALL
    SELECT run.job, date_trunc('hour', event.at, 'UTC'), (to_state = 'succeeded')::integer,
           (to_state = 'failed')::integer, (to_state = 'deleted')::integer,
           (to_state = 'scheduled')::integer, NULL, NULL
    FROM job_event AS event JOIN job_run AS run ON run.id = event.run_id
    WHERE event.at >= CAST(:live AS timestamptz)
      AND (to_state IN ('succeeded', 'failed', 'deleted') OR (from_state = 'processing' AND to_state = 'scheduled'))
"""
"""One row an hour and job, and one for each later event; with the parameters of `since`."""


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def counted_to(con: Connection, now: datetime, subject: str = "runs") -> datetime:
    """From when on events are not in the hourly figures yet; before the first roll-up two hours count."""
    rows = con.query("SELECT counted_to FROM roll_up WHERE subject = :subject", subject=subject)
    mark: datetime = rows[0][0] if rows else hour_of(now) - timedelta(hours=1)
    return mark


def since(con: Connection, now: datetime, start: datetime, subject: str = "runs") -> dict[str, Any]:
    """The parameters of TALLY for the hours that begin at `start` or later."""
    return {"since": hour_of(start), "live": max(counted_to(con, now, subject), hour_of(start))}
