"""Reads the schedules of the jobs' rules, and reports occurrences that were missed.

The dispatcher reads every rule in each pass, every five minutes. Between the last look that saw one schedule and the
first that saw another, nobody knows when the rule was changed: in that time an occurrence counts as due only if both
schedules have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from slowmatch import telemetry
from slowmatch.aws.clients import client
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs import cron
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.model import JsonRow
from slowmatch.text import to_json

GRACE = timedelta(minutes=10)
"""How late an occurrence may be before it counts as missed."""
MAX_LOOK_BACK = timedelta(days=1)
"""After a longer silence of the dispatcher, earlier occurrences are not reported."""


@dataclass(frozen=True, slots=True)
class RuleState(JsonRow):
    """A rule as every look from `first` to `last` found it. Without a rule, `schedule` is None."""

    schedule: str | None
    enabled: bool
    first: datetime
    last: datetime

    def occurrences(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The scheduled occurrences in (after, until].

        Those of a rate are unknown: EventBridge counts them from the creation of the rule, and does not say when
        that was.
        """
        parsed = cron.parse_or_none(self.schedule) if self.schedule and self.enabled else None
        return iter(()) if parsed is None or parsed.rate else parsed.between(after, until)


def add_look(history: Sequence[RuleState], found: RuleState, checked_to: datetime) -> list[RuleState]:
    """The history after one more look at the rule, without states that ended before `checked_to`."""
    kept = [state for state, following in pairwise(history) if following.first > checked_to]
    kept += history[-1:]
    if kept and (kept[-1].schedule, kept[-1].enabled) == (found.schedule, found.enabled):
        return [*kept[:-1], replace(kept[-1], last=found.last)]
    return [*kept, found]


def due_occurrences(history: Sequence[RuleState], after: datetime, until: datetime) -> list[datetime]:
    """The occurrences in (after, until] that were certainly due, in order. The last state holds until `until`."""
    found: set[datetime] = set()
    for state in history:
        end = until if state is history[-1] else min(until, state.last)
        found.update(state.occurrences(max(after, state.first), end))
    for state, following in pairwise(history):
        start, end = max(after, state.last), min(until, following.first)
        found.update({*state.occurrences(start, end)} & {*following.occurrences(start, end)})
    return sorted(found)


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

    A job that is not in the catalog misses nothing. Raises PartlyFailed when some jobs could not be checked.
    """
    until = now - GRACE
    names = con.query(
        """
        SELECT name FROM job
        WHERE name = ANY(:jobs::text[]) AND ticks_checked_to < :until::timestamptz ORDER BY name
        """,
        jobs=list(JOBS),
        until=until,
    )
    return for_each([row[0] for row in names], str, lambda job: _check(con, now, job, until), deadline)


def _check(con: Connection, now: datetime, job: str, until: datetime) -> int:
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
        missed = con.query(_STORE_MISSED, job=job, occurrences=occurrences, now=now)
        con.query(
            "UPDATE job SET ticks_checked_to = :until::timestamptz WHERE name = :job", until=until, job=job
        )
    for (occurrence,) in missed:
        telemetry.logger.warning(f"{job} missed its run at {occurrence.isoformat()}")
        telemetry.count("RunMissed", job=job)
    return len(missed)


_STORE_MISSED = """
    WITH missed AS (
        INSERT INTO job_missed (job, occurrence, noticed_at)
        SELECT :job::text, due.at, :now::timestamptz
        FROM unnest(:occurrences::timestamptz[]) AS due(at)
        WHERE NOT EXISTS (SELECT FROM job_run WHERE job = :job::text AND occurrence = due.at)
        ON CONFLICT DO NOTHING
        RETURNING job, occurrence
    ), notified AS (
        INSERT INTO notification (at, event, job, key, detail)
        SELECT :now::timestamptz, 'missed', job, job || ' ' || occurrence,
               jsonb_build_object('occurrence', occurrence)
        FROM missed ON CONFLICT DO NOTHING
    )
    SELECT occurrence FROM missed ORDER BY occurrence
"""
