"""Responses of this function, and what the OpenAPI document says of them; all times are UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from slowmatch.http.encoding import json_body
from slowmatch.jobs.model import Attempt, Event, ListedRun, LogLine, RunState
from slowmatch.jobs.queries.failure_groups import FailureGroup
from slowmatch.jobs.queries.job_summaries import JobSummary


def answer(status: int, value: Any, **headers: str) -> Response[str]:
    named = {name.capitalize(): text for name, text in headers.items()}
    return Response(status, "application/json", json_body(value), named)


class Done(BaseModel):
    """The runs that were changed; with `after` the next call continues, if more may match."""

    changed: list[str]
    after: str | None


class NewRuns(BaseModel):
    """The ids of the new runs, in the order of their payloads."""

    run_ids: list[str]


class RunPage(BaseModel):
    items: list[ListedRun]
    next: str | None


class AttemptPage(BaseModel):
    """Attempts of a run, oldest first. A page may be shorter than asked for when its items are long."""

    items: list[Attempt]
    next: str | None


class EventPage(BaseModel):
    """Events of a run, oldest first."""

    items: list[Event]
    next: str | None


class LogPage(BaseModel):
    """Lines of a run's log, oldest first. A page may be shorter than asked for when its lines are long."""

    items: list[LogLine]
    next: str | None


class TextPage(BaseModel):
    """A piece of a JSON text: all pieces together are the JSON."""

    text: str
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobSummary):
    __doc__ = JobSummary.__doc__


class JobList(BaseModel):
    items: list[Job]


class ListedSchedule(BaseModel):
    """A schedule that was made at run time. `words` is its expression in English.

    `next` are its next five times, in its own time zone; there are none while it is paused, or if the delayed run of
    a near single time was started early or deleted. Those of a rate are `estimated`: they are counted from midnight,
    while AWS counts them from when the schedule came into force. If AWS does not have this version yet, it is not
    `in_force`, and `sync_error` says why that failed at `sync_failed_at`. If it is `paused_in_aws`, somebody changed it
    there, which is put right again.
    """

    name: str
    job: str
    expression: str
    words: str
    time_zone: str
    starts_at: datetime | None
    ends_at: datetime | None
    enabled: bool
    next: list[str]
    estimated: bool
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    in_force: bool
    sync_error: str | None
    sync_failed_at: datetime | None
    paused_in_aws: bool


class Schedule(ListedSchedule):
    __doc__ = ListedSchedule.__doc__

    payload: dict[str, Any]


class ScheduleList(BaseModel):
    items: list[ListedSchedule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(FailureGroup):
    __doc__ = FailureGroup.__doc__


class FailureList(BaseModel):
    """Failures, those of jobs that fail now first."""

    items: list[Failure]


class JobHour(BaseModel):
    """A job's runs in the hour that starts at `hour`."""

    job: str
    hour: datetime
    succeeded: int
    failed: int
    deleted: int
    retried: int
    attempts: int
    p50_ms: float | None
    p95_ms: float | None


class Stats(BaseModel):
    """`succeeded`, `deleted` and `missed` count the requested hours; the rest is counted as it is, up to 1,000.

    `capped` names the counts that stopped at 1,000.
    """

    at: datetime
    states: dict[RunState, int]
    retrying: int
    capped: list[str]
    missed: int
    oldest_waiting_at: datetime | None
    hours: list[JobHour]


class HealthSummary(BaseModel):
    """The answer without an identity, at most two seconds old."""

    ok: bool


class Health(BaseModel):
    """The answer for viewers: `ok` of each part and of all; a failing part has a `detail`."""

    ok: bool
    database: dict[str, Any]
    queues: dict[str, Any]
    dispatcher: dict[str, Any] | None = None
    jobs: dict[str, Any] | None = None
    schedules: dict[str, Any] | None = None
    notifications: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None
