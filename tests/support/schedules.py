"""Jobs' schedules as the dispatcher has stored them."""

from datetime import datetime

from slowmatch.db import Connection

HOURLY = "cron(0 * * * ? *)"


def put_schedule(
    con: Connection,
    job: str,
    schedule: str = HOURLY,
    *,
    checked_to: str | datetime | None = None,
    enabled: bool = True,
) -> None:
    """The schedule of a job, whose occurrences were checked up to a time."""
    con.query(
        """
        INSERT INTO job (name, schedule, schedule_enabled, ticks_checked_to)
        VALUES (:job, :schedule, :enabled, COALESCE(CAST(:checked_to AS timestamptz), now()))
        """,
        job=job,
        schedule=schedule,
        enabled=enabled,
        checked_to=checked_to,
    )
