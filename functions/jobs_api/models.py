"""What a request may say about jobs and runs."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from slowmatch.http.fields import SEARCH_MAX, Timestamp, without_nul
from slowmatch.jobs.filters import RunFilter
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.store import BULK

State = Literal["enqueued", "scheduled", "processing", "succeeded", "failed", "deleted"]
Trigger = Literal["schedule", "api", "console", "direct"]
Name = Annotated[str, Field(max_length=100), AfterValidator(without_nul)]
JobName = Annotated[Name, Path(description="Name of a job, as GET /api/jobs lists them")]
Text = Annotated[str, Field(max_length=SEARCH_MAX), AfterValidator(without_nul)]
YEAR_SECONDS = 366 * 24 * 3600


def _run_id(value: object) -> object:
    found = parse_run_id(value)
    if found is None:
        raise ValueError("must be the identifier of a run, a UUID")
    return found


RunId = Annotated[uuid.UUID, BeforeValidator(_run_id)]
PathRunId = Annotated[RunId, Path()]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRun(Strict):
    """What to run, and when: now, after `delay_seconds`, or at `due_at`, a year ahead at most."""

    payload: dict[str, Any] = Field(default_factory=dict)
    delay_seconds: Annotated[int, Field(strict=True, ge=0, le=YEAR_SECONDS)] | None = None
    due_at: Timestamp | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.delay_seconds is not None and self.due_at is not None:
            raise ValueError("must have delay_seconds or due_at, not both")
        return self


class Pause(Strict):
    note: Annotated[str, Field(max_length=500), AfterValidator(without_nul)] | None = None


class Filter(Strict):
    """Which runs; every field narrows. Times bound the creation."""

    state: State | None = None
    job: Name | None = None
    trigger: Trigger | None = None
    created_from: Timestamp | None = None
    created_to: Timestamp | None = None
    text: Text | None = None
    retrying: Annotated[bool, Field(strict=True)] | None = None

    def as_filter(self) -> RunFilter:
        return RunFilter(**self.model_dump())


class Bulk(Strict):
    """Runs by their ids, or all that match a filter, a thousand a call; go on with `after`."""

    ids: Annotated[list[RunId], Field(min_length=1, max_length=BULK)] | None = None
    filter: Filter | None = None
    after: RunId | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("must have ids or filter, one of them")
        return self


class Done(BaseModel):
    """The runs that were changed; `after` goes on when more may match."""

    changed: list[str]
    after: str | None


class Run(BaseModel):
    """A run as lists show it; times are UTC."""

    id: uuid.UUID
    job: str
    state: State
    payload: dict[str, Any]
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
    result: Any
    error: str | None


class RunDetails(Run):
    """A run with its attempts, its events and the last thousand lines of its log."""

    attempts: list[dict[str, Any]]
    events: list[dict[str, Any]]
    log: list[dict[str, Any]]


class RunPage(BaseModel):
    items: list[Run]
    next: str | None


class Job(BaseModel):
    """A job of the catalog and what is known about its runs; times are UTC."""

    name: str
    description: str
    fields: dict[str, dict[str, str]]
    exclusive: bool
    overlap: str
    max_attempts: int
    schedule: str | None
    schedule_enabled: bool | None
    next: list[datetime]
    paused: dict[str, Any] | None
    last_run: dict[str, Any] | None
    missed: int


class Stats(BaseModel):
    """`succeeded`, `deleted` and `missed` count the hours asked for; the other states are counted as they are."""

    at: datetime
    states: dict[State, int]
    retrying: int
    missed: int
    oldest_waiting_at: datetime | None
    hours: list[dict[str, Any]]


class Health(BaseModel):
    """`ok` of each part and of all; a failing part has a `detail`. 503 answers have the same form."""

    ok: bool
    database: dict[str, Any]
    queues: dict[str, Any]
    dispatcher: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None


class JobList(BaseModel):
    items: list[Job]


Hours = Annotated[int, Query(ge=1, le=24 * 31)]
OptionalState = Annotated[State | None, Query()]
OptionalTrigger = Annotated[Trigger | None, Query()]
OptionalJob = Annotated[Name | None, Query()]
OptionalTime = Annotated[Timestamp | None, Query()]
OptionalText = Annotated[Text | None, Query(description="Words of the error or payload, or a run's id")]
OptionalFlag = Annotated[bool | None, Query()]
