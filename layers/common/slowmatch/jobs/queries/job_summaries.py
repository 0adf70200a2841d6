"""Every job of the catalog with its schedule, its last runs, its success rate and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.db.snapshot_cache import cached
from slowmatch.jobs import cron, cron_description
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.catalog import job as find_job
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle.mute import Mute
from slowmatch.jobs.model import JsonRow, RunState
from slowmatch.jobs.queries import metrics
from slowmatch.jobs.queries.job_activity import (
    DELAYED,
    OF_JOB,
    RETRYING,
    RUNNING,
    DelayedRuns,
    RetryingRuns,
    RunningRun,
)
from slowmatch.jobs.queries.runs import IS_STOPPED
from slowmatch.text import to_json

NEXT_OCCURRENCES = 5
RECENT_RUNS = 20
LATEST_MISSED = 3
RATED = timedelta(days=7)
"""How far back success rates and durations go."""


@dataclass(frozen=True, slots=True)
class JobField:
    """A field of a job's payload. `bounds` limits its values, by the names of JSON Schema: minimum, enum, ...

    A field that is left out has its `default`; one that is `required` has none.
    """

    type: Literal["boolean", "integer", "number", "text", "choice", "date", "time", "addresses"]
    description: str
    default: Any
    required: bool
    bounds: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paused:
    """Since when a schedule is paused, by whom and why."""

    at: datetime
    by: str
    note: str | None


@dataclass(frozen=True, slots=True)
class LastRun(JsonRow):
    id: str = field(metadata={"json_schema_extra": {"format": "uuid"}})
    state: RunState
    stopped: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndedRun(JsonRow):
    """`duration_ms` is the last attempt's, null for a run that never started."""

    id: str = field(metadata={"json_schema_extra": {"format": "uuid"}})
    state: RunState
    created_at: datetime
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many; `capped` says that there are more."""

    number: int
    capped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary(JsonRow):
    """A job of the catalog and what is known about its runs.

    A job that is not `scheduled` runs only when somebody with `role` starts it; this is null until the dispatcher
    has read the job's rule. `disabled` says why the job cannot run, null if it can.
    `words` is the schedule in English. `recent` are the runs that ended last, the latest at the end.
    `success_rate` (0 to 1), `p50_ms` (the median of the hourly medians) and `p95_ms` (the 95th percentile of the
    hourly ones) are of the last seven days, null when nothing ended.
    `last_ended` is the last run that succeeded or failed; `last_error` is null once a later run has succeeded.
    `running` are the last runs that are processing. `queue_depth` counts the enqueued runs. While a job is `muted`,
    nobody is notified of its failures.
    """

    name: str
    description: str
    fields: dict[str, JobField]
    exclusive: bool
    overlap: str
    max_attempts: int
    scheduled: bool | None
    role: Literal["operator", "admin"]
    disabled: str | None
    schedule: str | None
    words: str | None
    schedule_enabled: bool | None
    next: list[datetime]
    paused: Paused | None
    muted: Mute | None
    running: list[RunningRun]
    retrying: RetryingRuns | None
    delayed: DelayedRuns | None
    last_run: LastRun | None
    last_ended: LastRun | None
    last_error: str | None
    recent: list[EndedRun]
    missed: int
    success_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    queue_depth: Depth


def list_jobs(con: Connection, now: datetime) -> list[JobSummary]:
    return _summaries(con, list(JOBS), now)


def summary_of(con: Connection, name: str, now: datetime) -> JobSummary:
    """Raises UnknownJob."""
    (summary,) = _summaries(con, [find_job(name).name], now)
    return summary


def _summaries(con: Connection, names: Sequence[str], now: datetime) -> list[JobSummary]:
    known = dict(cached(con, ("jobs", *names), lambda: con.query(_SUMMARIES, names=to_json(names))))
    start = metrics.start_of_hour(now - RATED)
    rows = cached(con, ("rates", start), lambda: con.query(_RATES, **metrics.hours_since(con, now, start)))
    rates = {name: rate for name, *rate in rows}
    return [_summary(JOBS[name], known[name], rates.get(name, [0, 0, None, None]), now) for name in names]


_ENDED = f"""
    SELECT id, state, attempt, created_at, started_at, finished_at, error
    FROM job_run AS run WHERE {OF_JOB} AND run.state = '{{state}}'
    ORDER BY run.job DESC, run.id DESC LIMIT {{limit}}
"""
_LATEST = " UNION ALL ".join(
    f"({_ENDED.format(state=state, limit=RECENT_RUNS)})" for state in ("succeeded", "failed", "deleted")
)
_OUTCOME = " UNION ALL ".join(f"({_ENDED.format(state=state, limit=1)})" for state in ("succeeded", "failed"))
# An occurrence whose message arrived late has its run after all, and is no longer missed.
MISSED = """job_missed AS missed
    WHERE NOT EXISTS (
        SELECT FROM job_run AS run
        WHERE run.job = missed.job AND run.schedule = missed.schedule AND run.occurrence = missed.occurrence
    )
"""
_TIMES = f"""json_build_object(
    'id', run.id, 'state', run.state, 'stopped', {IS_STOPPED},
    'created_at', run.created_at, 'started_at', run.started_at, 'finished_at', run.finished_at
)"""
# A run whose occurrence is still to come is a delayed one, unless somebody started it early.
LAST_SCHEDULED_RUN = f"""
    SELECT {_TIMES} FROM job_run AS run
    WHERE run.job = {{job}} AND run.schedule = {{schedule}}
      AND run.occurrence IS NOT NULL AND (run.occurrence <= now() OR run.attempt > 0)
    ORDER BY run.occurrence DESC LIMIT 1
"""
_SUMMARIES = f"""
    SELECT wanted.name, json_build_object(
        'job', (SELECT to_jsonb(job) FROM job WHERE job.name = wanted.name),
        'last_run', (
            SELECT {_TIMES} FROM job_run AS run WHERE {OF_JOB} ORDER BY run.job DESC, run.id DESC LIMIT 1
        ),
        'running', {RUNNING},
        'retrying', {RETRYING},
        'delayed', {DELAYED},
        'last_ended', (SELECT {_TIMES} FROM ({_OUTCOME}) AS run ORDER BY id DESC LIMIT 1),
        'recent', (
            SELECT COALESCE(json_agg(json_build_object(
                'id', latest.id, 'state', latest.state, 'created_at', latest.created_at,
                'duration_ms', round(extract(epoch FROM
                    latest.finished_at - COALESCE(attempt.started_at, latest.started_at)) * 1000)
            ) ORDER BY latest.id), '[]')
            FROM (SELECT * FROM ({_LATEST}) AS ended ORDER BY id DESC LIMIT {RECENT_RUNS}) AS latest
            LEFT JOIN job_attempt AS attempt ON attempt.run_id = latest.id AND attempt.number = latest.attempt
        ),
        'last_error', (
            SELECT CASE WHEN state = 'failed' THEN error END FROM ({_OUTCOME}) AS ended ORDER BY id DESC LIMIT 1
        ),
        'queue_depth', {count_up_to_cap("job_run AS run WHERE run.job = wanted.name AND run.state = 'enqueued'")},
        'missed', (SELECT count(*) FROM {MISSED} AND missed.job = wanted.name)
    )
    FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name)
"""


_RATES = f"""
    SELECT job, sum(succeeded)::integer, sum(failed)::integer,
           round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p50_ms)),
           round(percentile_cont(0.95) WITHIN GROUP (ORDER BY p95_ms))
    FROM ({metrics.HOURLY_FIGURES}) AS hourly
    GROUP BY job
"""


def _summary(spec: Job, known: dict[str, Any], rate: list[Any], now: datetime) -> JobSummary:
    row = known["job"] or {}
    schedule = row.get("schedule")
    paused_at = row.get("paused_at")
    fires = row.get("schedule_enabled") and not paused_at
    succeeded, failed, p50_ms, p95_ms = rate
    return JobSummary(
        name=spec.name,
        description=spec.description,
        fields={
            name: JobField(
                type=each.kind,  # type: ignore[arg-type]  # a payload has no secrets
                description=each.description,
                default=each.default,
                required=each.required,
                bounds=each.bounds,
            )
            for name, each in spec.payload.items()
        },
        exclusive=spec.exclusive,
        overlap=spec.overlap,
        max_attempts=spec.max_attempts,
        scheduled=schedule is not None if schedule or row.get("schedule_history") else None,
        role=spec.role,
        disabled=row.get("flaw"),
        schedule=schedule,
        words=cron_description.describe(schedule) if schedule else None,
        schedule_enabled=row.get("schedule_enabled"),
        next=_next_occurrences(schedule, now) if schedule and fires else [],
        paused=Paused(datetime.fromisoformat(paused_at), row["paused_by"], row["pause_note"])
        if paused_at
        else None,
        muted=_mute(row, now),
        running=[RunningRun.from_json(run) for run in known["running"]],
        retrying=RetryingRuns.from_json(known["retrying"]) if known["retrying"]["number"] else None,
        delayed=DelayedRuns.from_json(known["delayed"]) if known["delayed"]["number"] else None,
        last_run=LastRun.from_json(known["last_run"]) if known["last_run"] else None,
        last_ended=LastRun.from_json(known["last_ended"]) if known["last_ended"] else None,
        last_error=known["last_error"],
        recent=[EndedRun.from_json(run) for run in known["recent"]],
        missed=known["missed"],
        success_rate=succeeded / (succeeded + failed) if succeeded + failed else None,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        queue_depth=Depth(*CappedCount.of(known["queue_depth"])[:2]),
    )


def _mute(row: dict[str, Any], now: datetime) -> Mute | None:
    until = row.get("muted_until") and datetime.fromisoformat(row["muted_until"])
    return Mute(until, row["muted_by"], row["mute_note"]) if until and until > now else None


def _next_occurrences(schedule: str, now: datetime) -> list[datetime]:
    parsed = cron.parse_or_none(schedule)
    return list(islice(parsed.after(now), NEXT_OCCURRENCES)) if parsed else []


@dataclass(frozen=True, slots=True)
class CheckedSchedule:
    """Up to when the dispatcher has checked a job's rule, how many occurrences it missed, and the latest of them.

    `last_run` is the run of its last occurrence.
    """

    checked_to: datetime | None
    missed: int
    latest: list[datetime]
    last_run: LastRun | None


def checked_schedules(con: Connection) -> dict[str, CheckedSchedule]:
    """By job."""
    return {
        name: CheckedSchedule(checked_to, missed, latest, last_run and LastRun.from_json(last_run))
        for name, checked_to, missed, latest, last_run in con.query(_CHECKED, names=to_json(list(JOBS)))
    }


_CHECKED = f"""
    SELECT wanted.name, (SELECT ticks_checked_to FROM job WHERE job.name = wanted.name), (
        SELECT count(*) FROM {MISSED} AND missed.job = wanted.name AND missed.schedule = ''
    ), ARRAY(
        SELECT occurrence FROM {MISSED} AND missed.job = wanted.name AND missed.schedule = ''
        ORDER BY occurrence DESC
        LIMIT {LATEST_MISSED}
    ), ({LAST_SCHEDULED_RUN.format(job="wanted.name", schedule="''")})
    FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name)
"""
