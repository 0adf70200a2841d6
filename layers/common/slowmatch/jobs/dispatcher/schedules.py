"""Reads the schedules of the jobs' rules, and reports occurrences that were missed, of rules and of schedules that were
made at run time. The dispatcher looks at both in each pass, every five minutes.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch import telemetry
from slowmatch.aws.clients import client
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs import cron
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.schedules import store as run_time
from slowmatch.jobs.schedules.history import RuleState, add_look, due_occurrences
from slowmatch.text import to_json

GRACE = timedelta(minutes=10)
"""How late an occurrence may be before it counts as missed."""
MAX_LOOK_BACK = timedelta(days=1)
"""After a longer silence of the dispatcher, earlier occurrences are not reported."""


@cache
def events() -> Any:
    return client("events")


def read_schedules(con: Connection, now: datetime, deadline: Deadline = NEVER, *, stack: str) -> int:
    """Store what each job's rule says now: EventBridge is the source of truth about schedules. Returns how many.

    Raises PartlyFailed when some could not be read; their last known schedule stays.
    """

    def read(job: str) -> int:
        store(con, job, _read_rule(f"{stack}-{job}", now))
        return 1

    return for_each(JOBS, str, read, deadline)


def _read_rule(name: str, now: datetime) -> RuleState:
    try:
        rule = events().describe_rule(Name=name)
    except events().exceptions.ResourceNotFoundException:
        return RuleState(None, False, now, now)
    schedule = rule.get("ScheduleExpression")
    if schedule and cron.parse_or_none(schedule) is None:
        telemetry.logger.error(
            f"rule {name}: the schedule {schedule!r} is not supported; missed occurrences are not reported"
        )
    return RuleState(schedule, rule.get("State") == "ENABLED", now, now)


def store(con: Connection, job: str, found: RuleState) -> None:
    """Store what a look at the job's rule found."""
    with con.transaction():
        rows = con.query(
            """
            INSERT INTO job (name, ticks_checked_to) VALUES (:job, :now::timestamptz)
            ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
            RETURNING schedule, schedule_enabled, ticks_checked_to, schedule_history
            """,
            job=job,
            now=found.last,
        )
        history = add_look(_history(*rows[0]), found, checked_to=rows[0][2])
        con.query(
            """
            UPDATE job SET schedule = :schedule::text, schedule_enabled = :enabled,
                   schedule_history = :history::jsonb
            WHERE name = :job
            """,
            job=job,
            schedule=found.schedule,
            enabled=found.enabled,
            history=to_json([state.to_json() for state in history]),
        )


def _history(
    schedule: str | None, enabled: bool, checked_to: datetime, history: list[dict[str, Any]]
) -> list[RuleState]:
    """A row that was last written by a release without a history has one schedule, read at `checked_to`."""
    if history or schedule is None:
        return [RuleState.from_json(each) for each in history]
    return [RuleState(schedule, enabled, checked_to, checked_to)]


def report_missed(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Store each occurrence that should have started a run by now and did not. Returns how many.

    A job that is not in the catalog misses nothing. Raises PartlyFailed when some could not be checked.
    """
    until = now - GRACE
    names = con.query(_UNCHECKED, jobs=list(JOBS), until=until)

    def check(name: tuple[str, str]) -> int:
        job, schedule = name
        return _check_schedule(con, now, schedule, until) if schedule else _check_rule(con, now, job, until)

    return for_each(
        [(job, schedule) for job, schedule in names], lambda name: " ".join(name).rstrip(), check, deadline
    )


_UNCHECKED = """
    SELECT name, '' FROM job
    WHERE name = ANY(:jobs::text[]) AND ticks_checked_to < :until::timestamptz
    UNION ALL
    SELECT job, name FROM job_schedule
    WHERE job = ANY(:jobs::text[])
    ORDER BY 1, 2
"""


def _check_rule(con: Connection, now: datetime, job: str, until: datetime) -> int:
    with con.transaction():
        ((schedule, enabled, checked_to, kept),) = con.query(
            """
            SELECT schedule, schedule_enabled, ticks_checked_to, schedule_history FROM job
            WHERE name = :job FOR UPDATE
            """,
            job=job,
        )
        history = _history(schedule, enabled, checked_to, kept)
        occurrences = due_occurrences(history, max(checked_to, now - MAX_LOOK_BACK), until)
        missed = _store_missed(con, now, job, "", occurrences)
        con.query(
            "UPDATE job SET ticks_checked_to = :until::timestamptz WHERE name = :job", until=until, job=job
        )
    return _report(missed)


def _check_schedule(con: Connection, now: datetime, name: str, until: datetime) -> int:
    with con.transaction():
        found = run_time.lock_history(con, name)
        if found is None:
            return 0
        schedule, history, checked_to = found
        if schedule.in_force == schedule.version:
            history = add_look(history, schedule.state(now), checked_to)
        missed = []
        after = max(checked_to, now - MAX_LOOK_BACK)
        for job in {state.job for state in history}:
            of_job = [state if state.job == job else replace(state, schedule=None) for state in history]
            missed += _store_missed(con, now, job, name, due_occurrences(of_job, after, until))
        run_time.store_history(con, name, history, max(checked_to, until))
    return _report(missed)


def _report(missed: list[tuple[str, str, datetime]]) -> int:
    for job, schedule, occurrence in missed:
        by = f" of schedule {schedule}" if schedule else ""
        telemetry.logger.warning(f"{job} missed its run{by} at {occurrence.isoformat()}")
        telemetry.count("RunMissed", job=job)
    return len(missed)


def _store_missed(
    con: Connection, now: datetime, job: str, schedule: str, occurrences: list[datetime]
) -> list[tuple[str, str, datetime]]:
    rows = con.query(_STORE_MISSED, job=job, schedule=schedule, occurrences=occurrences, now=now)
    return [(job, schedule, occurrence) for (occurrence,) in rows]


_STORE_MISSED = """
    WITH missed AS (
        INSERT INTO job_missed (job, schedule, occurrence, noticed_at)
        SELECT :job::text, :schedule::text, due.at, :now::timestamptz
        FROM unnest(:occurrences::timestamptz[]) AS due(at)
        WHERE NOT EXISTS (
            SELECT FROM job_run
            WHERE job = :job::text AND schedule = :schedule::text AND occurrence = due.at
        )
        ON CONFLICT DO NOTHING
        RETURNING job, schedule, occurrence
    ), notified AS (
        INSERT INTO notification (at, event, job, key, detail)
        SELECT :now::timestamptz, 'missed', job, concat_ws(' ', job, NULLIF(schedule, ''), occurrence),
               jsonb_strip_nulls(jsonb_build_object('occurrence', occurrence, 'schedule', NULLIF(schedule, '')))
        FROM missed ON CONFLICT DO NOTHING
    )
    SELECT occurrence FROM missed ORDER BY occurrence
"""
