"""The dispatcher's other duties: schedules and missed ticks, purging history."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch import telemetry
from slowmatch.aws.clients import client
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs import cron
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import schedule_history
from slowmatch.jobs.dispatcher.duty import for_each
from slowmatch.jobs.dispatcher.rollup import roll_up
from slowmatch.jobs.dispatcher.schedule_history import Seen
from slowmatch.jobs.lifecycle import messages
from slowmatch.settings import Settings
from slowmatch.text import to_json

__all__ = [
    "events",
    "keep_schedule",
    "note_tick",
    "purge_history",
    "purge_runs",
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
    return client("events")


def read_schedules(con: Connection, now: datetime, stack: str, deadline: Deadline = NEVER) -> int:
    """Keep what each job's rule says now: EventBridge is the source of truth about schedules.

    How many were read. Raises PartlyFailed when some could not; their last known schedule holds.
    """

    def read(job: str) -> int:
        rule = _rule(f"{stack}-{job}")
        keep_schedule(con, now, job, rule.get("ScheduleExpression"), rule.get("State") == "ENABLED")
        return 1

    return for_each(JOBS, str, read, deadline)


def _rule(name: str) -> dict[str, Any]:
    """The rule, or nothing when there is none."""
    try:
        rule: dict[str, Any] = events().describe_rule(Name=name)
    except events().exceptions.ResourceNotFoundException:
        return {}
    schedule = rule.get("ScheduleExpression")
    if schedule and cron.understood(schedule) is None:
        telemetry.logger.error(f"rule {name}: {schedule!r} is not understood; its ticks are not watched")
    return rule


def keep_schedule(con: Connection, now: datetime, job: str, schedule: str | None, enabled: bool) -> None:
    """Note what the job's rule says. Without a rule, `schedule` is None."""
    with con.transaction():
        rows = con.query(
            """
            INSERT INTO job (name, ticks_checked_to) VALUES (:job, CAST(:now AS timestamptz))
            ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
            RETURNING schedule, schedule_enabled, ticks_checked_to, schedule_history
            """,
            job=job,
            now=now,
        )
        history, checked_to = _history(*rows[0]), rows[0][2]
        history = schedule_history.look(history, Seen(schedule, enabled, now, now), checked_to)
        con.query(
            """
            UPDATE job SET schedule = CAST(:schedule AS text), schedule_enabled = :enabled,
                   schedule_history = CAST(:history AS jsonb)
            WHERE name = :job
            """,
            job=job,
            schedule=schedule,
            enabled=enabled,
            history=to_json([seen.to_json() for seen in history]),
        )


def _history(
    schedule: str | None, enabled: bool, checked_to: datetime, history: list[dict[str, Any]]
) -> list[Seen]:
    """A row that was last written before there was a history has one schedule, which was read by then."""
    if history or schedule is None:
        return [Seen.from_json(each) for each in history]
    return [Seen(schedule, enabled, checked_to, checked_to)]


def report_missed(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Note each tick that should have produced a run by now and did not, and return how many.

    A job that is not in the catalog misses nothing. Raises PartlyFailed when some jobs could not be looked at.
    """
    until = now - TICK_GRACE
    names = con.query(
        """
        SELECT name FROM job
        WHERE name = ANY(CAST(:jobs AS text[])) AND ticks_checked_to < CAST(:until AS timestamptz) ORDER BY name
        """,
        jobs=list(JOBS),
        until=until,
    )
    return for_each([row[0] for row in names], str, lambda job: _check_ticks(con, now, job, until), deadline)


def _check_ticks(con: Connection, now: datetime, job: str, until: datetime) -> int:
    with con.transaction():
        ((schedule, enabled, checked_to, kept),) = con.query(
            """
            SELECT schedule, schedule_enabled, ticks_checked_to, schedule_history FROM job
            WHERE name = :job FOR UPDATE
            """,
            job=job,
        )
        history = _history(schedule, enabled, checked_to, kept)
        ticks = schedule_history.due(history, max(checked_to, now - LOOK_BACK), until)
        missed = _note_missed(con, job, ticks, now)
        con.query(
            "UPDATE job SET ticks_checked_to = CAST(:until AS timestamptz) WHERE name = :job",
            until=until,
            job=job,
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


def report_dead_letters(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Note each job that has more dead letters than when this was last looked at, and return how many jobs.

    Raises RuntimeError when some queues could not be read, after those that could.
    """
    found = messages.depths()
    noted = for_each(
        found.jobs, str, lambda job: _note_dead_letters(con, now, job, found.jobs[job]["dead"]), deadline
    )
    if found.problem:
        raise RuntimeError(found.problem)
    return noted


def _note_dead_letters(con: Connection, now: datetime, job: str, dead: int) -> int:
    rows = con.query(
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
        RETURNING job
        """,
        name=job,
        dead=dead,
        now=now,
    )
    return len(rows)


PURGE_BATCH = 1000
# By table: the column of its time, and whether it is kept as long as figures or as long as runs.
_PURGED = {
    "job_missed": ("noticed_at", False),
    "mail_outbox": ("created_at", False),
    "notification": ("at", False),
    "schedule_event": ("at", True),
    "job_hour": ("hour", True),
    "job_hour_error": ("hour", True),
    "record_hour": ("hour", True),
}


def purge_runs(con: Connection, now: datetime, settings: Settings, deadline: Deadline = NEVER) -> int:
    """Delete runs past their retention, with their attempts, events and log, and return how many."""
    return _purge(
        con,
        "job_run",
        """finished_at < CAST(:others AS timestamptz)
            AND (state IN ('succeeded', 'deleted') OR finished_at < CAST(:failed AS timestamptz))""",
        deadline,
        others=now - timedelta(days=settings.run_retention_days),
        failed=now - timedelta(days=settings.failed_run_retention_days),
    )


def purge_history(con: Connection, now: datetime, settings: Settings, deadline: Deadline = NEVER) -> int:
    """Delete old notifications, sent mail, missed ticks, pauses and hourly figures, and return how many rows.

    Raises PartlyFailed, naming the tables.
    """
    oldest = now - timedelta(days=settings.failed_run_retention_days)

    def purge(table: str) -> int:
        column, is_figure = _PURGED[table]
        before = now - FIGURES_KEPT if is_figure else oldest
        return _purge(con, table, f"{column} < CAST(:before AS timestamptz)", deadline, before=before)

    return for_each(_PURGED, str, purge, deadline)


def _purge(con: Connection, table: str, condition: str, deadline: Deadline, **values: Any) -> int:
    """Delete in batches until nothing is left that nobody holds, or the time is over."""
    purged = 0
    while not deadline.is_over:
        rows = con.execute(
            f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE {condition} LIMIT {PURGE_BATCH} FOR UPDATE SKIP LOCKED
            ))
            """,
            **values,
        )
        purged += rows
        if rows < PURGE_BATCH:
            break
    return purged


def note_tick(
    con: Connection,
    now: datetime,
    done: dict[str, int] | None = None,
    failing: dict[str, str] | None = None,
) -> None:
    """Leave a sign of life for the health check: what was done, and why which duties failed.

    A duty that failed the last time, too, keeps its `since`.
    """
    problems = {
        name: {"problem": problem, "since": now.isoformat()} for name, problem in (failing or {}).items()
    }
    con.query(
        """
        INSERT INTO dispatcher_tick AS tick (finished_at, done, failing)
        VALUES (CAST(:now AS timestamptz), CAST(:done AS jsonb), CAST(:failing AS jsonb))
        ON CONFLICT (only_one) DO UPDATE
        SET finished_at = EXCLUDED.finished_at, done = EXCLUDED.done, failing = (
            SELECT COALESCE(jsonb_object_agg(key, value || jsonb_build_object(
                'since', COALESCE(tick.failing -> key -> 'since', value -> 'since')
            )), '{}') FROM jsonb_each(EXCLUDED.failing)
        )
        """,
        now=now,
        done=to_json(done or {}),
        failing=to_json(problems),
    )
