"""What is answered about jobs and runs, for the OpenAPI document; all times are UTC."""

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from jobs_api.models import State, Trigger


class Done(BaseModel):
    """The runs that were changed; `after` goes on when more may match."""

    changed: list[str]
    after: str | None


class ListedRun(BaseModel):
    """A run as lists show it: without its payload and result, with the first 1,000 characters of its error."""

    id: uuid.UUID
    job: str
    state: State
    trigger: Trigger
    triggered_by: str | None
    occurrence: datetime | None
    attempt: int
    failures: int
    max_attempts: int
    due_at: datetime
    lease_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: dict[str, Any] | None
    error: str | None


class Run(ListedRun):
    """A run by itself.

    `cut` has the size in bytes of a payload or result that is too large for an answer and therefore null here;
    GET /api/runs/{run_id}/json/{field} reads it in pieces.
    """

    payload: dict[str, Any] | None
    result: Any
    cut: dict[str, int]


class Attempt(BaseModel):
    """One try of a run; without an outcome it is at work."""

    number: int
    worker: str
    request_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: Literal["succeeded", "failed", "lost", "continued", "cancelled"] | None
    error_type: str | None
    error_message: str | None
    traceback: str | None


class Event(BaseModel):
    """A change of a run's state: why, and by whom."""

    id: int
    at: datetime
    from_state: State | None
    to_state: State
    reason: str
    actor: str


class LogLine(BaseModel):
    id: int
    attempt: int
    at: datetime
    level: str
    message: str


class RunDetails(Run):
    """A run with its last attempts (100 at most), events (200) and lines of its log (1,000).

    They are fewer where they are long. `attempts_earlier`, `events_earlier` and `log_earlier` count those that
    are left out; GET /api/runs/{run_id}/attempts, /events and /log have all, page by page.
    """

    attempts: list[Attempt]
    attempts_earlier: int
    events: list[Event]
    events_earlier: int
    log: list[LogLine]
    log_earlier: int


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


class JobField(BaseModel):
    """A field of a job's payload. `bounds` limits its values, by the names of JSON Schema: minimum, enum, ...

    A field that is left out has its `default`; one that is `required` has none.
    """

    type: Literal["boolean", "integer", "number", "text", "choice", "date", "time", "addresses"]
    description: str
    default: Any
    required: bool
    bounds: dict[str, Any]


class Paused(BaseModel):
    """Since when a schedule is paused, by whom and why."""

    at: datetime
    by: str
    note: str | None


class LastRun(BaseModel):
    id: uuid.UUID
    state: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class EndedRun(BaseModel):
    """`duration_ms` is the last attempt's, null for a run that never started."""

    id: uuid.UUID
    state: State
    created_at: datetime
    duration_ms: float | None


class Depth(BaseModel):
    """How many; `capped` says that there are more."""

    number: int
    capped: bool


class Job(BaseModel):
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


class JobList(BaseModel):
    items: list[Job]


class JobHour(BaseModel):
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


class Stats(BaseModel):
    """`succeeded`, `deleted` and `missed` count the hours asked for; the rest is counted as it is, up to 1,000.

    `capped` names what there are more of.
    """

    at: datetime
    states: dict[State, int]
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
    notifications: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None
