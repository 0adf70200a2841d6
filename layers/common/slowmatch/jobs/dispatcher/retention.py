"""Deletes what is past its retention: runs, notifications, sent mail, hourly figures."""

from datetime import datetime, timedelta
from typing import Any

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.settings import Settings

FIGURES_KEPT = timedelta(days=400)
"""How long hourly figures, pauses and acknowledgements are kept: a year, and some weeks to compare it with."""
ROWS_PER_BATCH = 1000
# By table, the column of its time. These are kept as long as failed runs,
_HISTORY = {
    "job_missed": "noticed_at",
    "mail_outbox": "created_at",
    "notification": "at",
    "bulk_action": "started_at",
}
# and these for FIGURES_KEPT.
_FIGURES = {
    "schedule_event": "at",
    "job_schedule_event": "at",
    "failure_event": "at",
    "job_hour": "hour",
    "job_hour_error": "hour",
    "record_hour": "hour",
}


def purge_runs(con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings) -> int:
    """Delete runs past their retention, with their attempts, events and log. Returns how many."""
    return _purge(
        con,
        "job_run",
        """finished_at < :others::timestamptz
            AND (state IN ('succeeded', 'deleted') OR finished_at < :failed::timestamptz)""",
        deadline,
        others=now - timedelta(days=settings.run_retention_days),
        failed=now - timedelta(days=settings.failed_run_retention_days),
    )


def purge_history(con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings) -> int:
    """Delete old notifications, mail, missed occurrences, bulk actions, what people did to jobs, and hourly figures.

    Returns how many rows. Raises PartlyFailed, naming the tables.
    """
    columns = _HISTORY | _FIGURES

    def purge(table: str) -> int:
        kept = FIGURES_KEPT if table in _FIGURES else timedelta(days=settings.failed_run_retention_days)
        return _purge(con, table, f"{columns[table]} < :before::timestamptz", deadline, before=now - kept)

    return for_each(columns, str, purge, deadline)


def _purge(con: Connection, table: str, condition: str, deadline: Deadline, **values: Any) -> int:
    """Delete in batches until no row is left that could be locked, or the deadline is over."""
    purged = 0
    while not deadline.is_over:
        rows = con.execute(
            f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE {condition} LIMIT {ROWS_PER_BATCH} FOR UPDATE SKIP LOCKED
            ))
            """,
            **values,
        )
        purged += rows
        if rows < ROWS_PER_BATCH:
            break
    return purged
