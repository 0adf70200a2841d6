"""Deletes what is past its retention: runs, schedules that are over, notifications, sent mail, hourly figures."""

import time
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule, ScheduleConflict
from slowmatch.settings import Settings

FIGURES_KEPT = timedelta(days=400)
"""How long hourly figures, pauses and acknowledgements are kept: a year, and some weeks to compare it with."""
ROWS_PER_BATCH = 1000
FIRST_RUNS, MAX_RUNS = 100, 4000
"""How many runs the first batch of a pass has, and the largest."""
SECONDS_PER_BATCH = 0.25
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
_OF_RUNS = ("job_log", "job_event", "job_attempt", "job_rerun")
"""No foreign key keeps these from outliving their run: a worker whose run was purged may still write a line."""


def purge_runs(con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings) -> int:
    """Delete runs past their retention, with their attempts, events and log. Returns how many."""
    kept = {
        "state = 'failed'": settings.failed_run_retention_days,
        "state IN ('succeeded', 'deleted')": settings.run_retention_days,
    }
    return sum(
        _purge_runs(con, PURGE_RUNS.format(of_state=of_state), now - timedelta(days=days), deadline)
        for of_state, days in kept.items()
    )


# Each condition on the state is that of an index: failed runs, which are kept longer, are not passed over by the other.
# The array makes PostgreSQL look up each run: it would expect so many in `old` that it read whole tables.
PURGE_RUNS = """
    WITH old AS MATERIALIZED (
        SELECT id, finished_at
        FROM job_run
        WHERE {of_state}
          AND finished_at >= COALESCE(:since::timestamptz, '-infinity')
          AND finished_at < :before::timestamptz
        ORDER BY finished_at
        LIMIT :limit::integer
        FOR UPDATE SKIP LOCKED
    ), line AS (
        DELETE FROM job_log WHERE run_id = ANY(ARRAY(SELECT id FROM old))
    ), event AS (
        DELETE FROM job_event WHERE run_id = ANY(ARRAY(SELECT id FROM old))
    ), attempt AS (
        DELETE FROM job_attempt WHERE run_id = ANY(ARRAY(SELECT id FROM old))
    ), rerun AS (
        DELETE FROM job_rerun WHERE run_id = ANY(ARRAY(SELECT id FROM old))
    ), run AS (
        DELETE FROM job_run WHERE id = ANY(ARRAY(SELECT id FROM old))
    )
    SELECT count(*), max(finished_at) FROM old
"""


def _purge_runs(con: Connection, sql: str, before: datetime, deadline: Deadline) -> int:
    """Delete in batches that adapt to SECONDS_PER_BATCH: a run may have a thousand log lines, or none.

    Each batch starts where the last one ended, past the index entries that it left.
    """
    purged, limit, since = 0, FIRST_RUNS, None
    while not deadline.is_over:
        began = time.monotonic()
        ((number, since),) = con.query(sql, since=since, before=before, limit=limit)
        purged += number
        if number < limit:
            break
        allowed = int(limit * SECONDS_PER_BATCH / (time.monotonic() - began))
        limit = max(1, min(allowed, 2 * limit, MAX_RUNS))
    return purged


def purge_schedules(con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings) -> int:
    """Delete schedules made at run time that have been over, and unchanged, for as long as failed runs are kept.

    Returns how many. Raises PartlyFailed, naming the schedules.
    """
    before = now - timedelta(days=settings.failed_run_retention_days)

    def purge(schedule: Schedule) -> int:
        if schedule.error or schedule.changed_at >= before or not schedule.timing.is_over(before):
            return 0
        try:
            return store.remove(con, schedule.name, actor="retention", version=schedule.version)
        except ScheduleConflict:  # somebody has changed it just now
            return 0

    return for_each(store.all_schedules(con), lambda schedule: schedule.name, purge, deadline)


def purge_history(con: Connection, now: datetime, deadline: Deadline = NEVER, *, settings: Settings) -> int:
    """Delete old notifications, mail, missed occurrences, bulk actions, what people did to jobs, and hourly figures.

    Also what is left of runs that are gone, once it is older than every run: identifiers grow with time.

    Returns how many rows. Raises PartlyFailed, naming the tables.
    """
    conditions = {
        table: f"{column} < :before::timestamptz" for table, column in (_HISTORY | _FIGURES).items()
    }
    conditions |= dict.fromkeys(_OF_RUNS, "run_id < (SELECT id FROM job_run ORDER BY id LIMIT 1)")

    def purge(table: str) -> int:
        """Delete in batches until no row is left that could be locked, or the deadline is over."""
        kept = FIGURES_KEPT if table in _FIGURES else timedelta(days=settings.failed_run_retention_days)
        before = {} if table in _OF_RUNS else {"before": now - kept}
        sql = f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE {conditions[table]} LIMIT {ROWS_PER_BATCH} FOR UPDATE SKIP LOCKED
            ))
        """
        purged, rows = 0, ROWS_PER_BATCH
        while rows == ROWS_PER_BATCH and not deadline.is_over:
            rows = con.execute(sql, **before)
            purged += rows
        return purged

    return for_each(conditions, str, purge, deadline)
