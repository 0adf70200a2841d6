"""What is answered about jobs and runs, for the OpenAPI document; all times are UTC."""

import uuid
from datetime import datetime
from typing import Any, Literal

from slowmatch.http.answer import Answer
from slowmatch.jobs.model import Attempt, Event, ListedRun, LogLine, RunState


class Done(Answer):
    """The runs that were changed; `after` goes on when more may match."""

    changed: list[str]
    after: str | None


class RunPage(Answer):
    items: list[ListedRun]
    next: str | None


class AttemptPage(Answer):
    """Attempts of a run, oldest first. A page may be shorter than asked for when its items are long."""

    items: list[Attempt]
    next: str | None


class EventPage(Answer):
    """Events of a run, oldest first."""

    items: list[Event]
    next: str | None


class LogPage(Answer):
    """Lines of a run's log, oldest first. A page may be shorter than asked for when its lines are long."""

    items: list[LogLine]
    next: str | None


class TextPage(Answer):
    """A piece of a JSON text: all pieces together are the JSON."""

    text: str
    next: str | None


class JobField(Answer):
    """A field of a job's payload. `bounds` limits its values, by the names of JSON Schema: minimum, enum, ...

    A field that is left out has its `default`; one that is `required` has none.
    """

    type: Literal["boolean", "integer", "number", "text", "choice", "date", "time", "addresses"]
    description: str
    default: Any
    required: bool
    bounds: dict[str, Any]


class Paused(Answer):
    """Since when a schedule is paused, by whom and why."""

    at: datetime
    by: str
    note: str | None


class LastRun(Answer):
    id: uuid.UUID
    state: RunState
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class EndedRun(Answer):
    """`duration_ms` is the last attempt's, null for a run that never started."""

    id: uuid.UUID
    state: RunState
    created_at: datetime
    duration_ms: float | None


class Depth(Answer):
    """How many; `capped` says that there are more."""

    number: int
    capped: bool


class Job(Answer):
    """A job of the catalog and what is known about its runs.

    A job that is not `scheduled` runs only when somebody with `role` starts it; this is null until the dispatcher
    has looked for the job's rule. `disabled` says why the job cannot run, null if it can.
    `words` is the schedule in English. `recent` are the runs that ended last, the latest at the end.
    `success_rate` (0 to 1), `p50_ms` and `p95_ms` are of the last seven days, null when nothing ended.
    `last_error` is null once a later run has succeeded. `queue_depth` counts the enqueued runs.
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
    last_run: LastRun | None
    last_error: str | None
    recent: list[EndedRun]
    missed: int
    success_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    queue_depth: Depth


class JobList(Answer):
    items: list[Job]


class JobHour(Answer):
    """What a job's runs did in the hour that starts at `hour`."""

    job: str
    hour: datetime
    succeeded: int
    failed: int
    deleted: int
    retried: int
    attempts: int
    p50_ms: float | None
    p95_ms: float | None


class Stats(Answer):
    """`succeeded`, `deleted` and `missed` count the hours asked for; the rest is counted as it is, up to 1,000.

    `capped` names what there are more of.
    """

    at: datetime
    states: dict[RunState, int]
    retrying: int
    capped: list[str]
    missed: int
    oldest_waiting_at: datetime | None
    hours: list[JobHour]


class HealthSummary(Answer):
    """The answer without an identity, at most two seconds old."""

    ok: bool


class Health(Answer):
    """The answer for viewers: `ok` of each part and of all; a failing part has a `detail`."""

    ok: bool
    database: dict[str, Any]
    queues: dict[str, Any]
    dispatcher: dict[str, Any] | None = None
    jobs: dict[str, Any] | None = None
    notifications: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None
