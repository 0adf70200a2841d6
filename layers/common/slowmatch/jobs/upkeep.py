"""The dispatcher's other duties: schedules and missed ticks, purging history."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.jobs import cron, queue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.rollup import roll_up
from slowmatch.settings import Settings

__all__ = [
    "events",
    "note_tick",
    "purge",
    "read_schedules",
    "report_dead_letters",
    "report_missed",
    "roll_up",
]

TICK_GRACE = timedelta(minutes=10)
"""How late a tick may be before it counts as missed."""
LOOK_BACK = timedelta(days=1)
"""After a longer silence only this much of it is reported tick by tick."""
FIGURES_KEPT = timedelta(days=400)
"""How long hourly figures are kept, and who paused a schedule: a year and its neighbour for comparison."""


@cache
def events() -> Any:
    import boto3

    return boto3.client("events")


def read_schedules(con: Connection, stack: str) -> None:
    """Keep what each job's rule says now: EventBridge is the truth about schedules."""
    from botocore.exceptions import BotoCoreError, ClientError

    for name, spec in JOBS.items():
        try:
            rule = events().describe_rule(Name=f"{stack}-{name}") if spec.scheduled else {}
        except events().exceptions.ResourceNotFoundException:
            rule = {}  # a job without a rule has no schedule
        except (BotoCoreError, ClientError) as error:
            telemetry.logger.warning(
                f"rule {stack}-{name} cannot be read: {error}; its last known schedule holds"
            )
            continue
        schedule = rule.get("ScheduleExpression")
        if schedule and cron.understood(schedule) is None:
            telemetry.logger.error(
                f"rule {stack}-{name}: {schedule!r} is not understood; its ticks are not watched"
            )
        con.query(
            """
            INSERT INTO job (name, schedule, schedule_enabled) VALUES (:name, CAST(:schedule AS text), :enabled)
            ON CONFLICT (name) DO UPDATE
            SET schedule = EXCLUDED.schedule, schedule_enabled = EXCLUDED.schedule_enabled
            """,
            name=name,
            schedule=schedule,
            enabled=rule.get("State") == "ENABLED",
        )


def report_missed(con: Connection, now: datetime) -> int:
    """Note each tick that should have produced a run by now and did not.

    Not of a rate: EventBridge counts from the making of the rule, whose minute it tells nobody.
    """
    until = now - TICK_GRACE
    missed = 0
    for name, schedule, enabled, checked_to in con.query(
        "SELECT name, schedule, schedule_enabled, ticks_checked_to FROM job WHERE schedule IS NOT NULL"
    ):
        if until <= checked_to:
            continue
        parsed = cron.understood(schedule)
        if enabled and parsed is not None and parsed.rate is None:
            ticks = list(parsed.between(max(checked_to, now - LOOK_BACK), until))
            missed += _note_missed(con, name, ticks, now)
        con.query(
            "UPDATE job SET ticks_checked_to = CAST(:until AS timestamptz) WHERE name = :name",
            until=until,
            name=name,
        )
    return missed


def _note_missed(con: Connection, name: str, ticks: list[datetime], now: datetime) -> int:
    rows = con.query(
        """
        WITH missed AS (
            INSERT INTO job_missed (job, occurrence, noticed_at)
            SELECT CAST(:job AS text), tick, CAST(:now AS timestamptz)
            FROM unnest(CAST(:ticks AS timestamptz[])) AS tick
            WHERE NOT EXISTS (SELECT FROM job_run WHERE job = CAST(:job AS text) AND occurrence = tick)
            ON CONFLICT DO NOTHING
            RETURNING job, occurrence
        ), told AS (
            INSERT INTO notification (at, event, job, key, detail)
            SELECT CAST(:now AS timestamptz), 'missed', job, job || ' ' || occurrence,
                   jsonb_build_object('occurrence', occurrence)
            FROM missed ON CONFLICT DO NOTHING
        )
        SELECT occurrence FROM missed ORDER BY occurrence
        """,
        job=name,
        ticks=ticks,
        now=now,
    )
    for (occurrence,) in rows:
        telemetry.logger.warning(f"{name} missed its run of {occurrence.isoformat()}")
        telemetry.count("RunMissed", job=name)
    return len(rows)


def report_dead_letters(con: Connection, now: datetime) -> None:
    """Note each job that has more dead letters than when this was last looked at."""
    for name, depth in queue.depths().jobs.items():
        con.query(
            """
            WITH changed AS (
                UPDATE job SET dead_letters = CAST(:dead AS integer)
                FROM (SELECT name, dead_letters FROM job WHERE name = :name FOR UPDATE) AS before
                WHERE job.name = before.name AND before.dead_letters <> CAST(:dead AS integer)
                RETURNING job.name, before.dead_letters AS before
            )
            INSERT INTO notification (at, event, job, key, detail)
            SELECT CAST(:now AS timestamptz), 'dead_letters', name, name || ' ' || CAST(:now AS timestamptz),
                   jsonb_build_object('count', CAST(:dead AS integer))
            FROM changed WHERE before < CAST(:dead AS integer)
            """,
            name=name,
            dead=depth["dead"],
            now=now,
        )


_PURGED = {
    "DELETE FROM notification WHERE at < CAST(:before AS timestamptz)": "runs",
    "DELETE FROM job_missed WHERE noticed_at < CAST(:before AS timestamptz)": "runs",
    "DELETE FROM mail_outbox WHERE created_at < CAST(:before AS timestamptz)": "runs",
    "DELETE FROM schedule_event WHERE at < CAST(:before AS timestamptz)": "figures",
    "DELETE FROM job_hour WHERE hour < CAST(:before AS timestamptz)": "figures",
    "DELETE FROM job_hour_error WHERE hour < CAST(:before AS timestamptz)": "figures",
    "DELETE FROM record_hour WHERE hour < CAST(:before AS timestamptz)": "figures",
}


def purge(con: Connection, now: datetime, settings: Settings) -> int:
    """Delete runs past their retention, with their attempts, events and log; and what was missed as long ago."""
    oldest = now - timedelta(days=settings.failed_run_retention_days)
    for statement, before in _PURGED.items():
        con.query(statement, before=now - FIGURES_KEPT if before == "figures" else oldest)
    purged = 0
    while True:
        rows = con.query(
            """
            DELETE FROM job_run WHERE id = ANY(ARRAY(
                SELECT id FROM job_run
                WHERE finished_at < CAST(:others AS timestamptz)
                  AND (state IN ('succeeded', 'deleted') OR finished_at < CAST(:failed AS timestamptz))
                LIMIT 1000 FOR UPDATE SKIP LOCKED
            )) RETURNING 1
            """,
            others=now - timedelta(days=settings.run_retention_days),
            failed=oldest,
        )
        purged += len(rows)
        if len(rows) < 1000:
            return purged


def note_tick(con: Connection, now: datetime) -> None:
    """Leave a sign of life for the health check."""
    con.query(
        """
        INSERT INTO dispatcher_tick (finished_at) VALUES (CAST(:now AS timestamptz))
        ON CONFLICT (only_one) DO UPDATE SET finished_at = EXCLUDED.finished_at
        """,
        now=now,
    )
