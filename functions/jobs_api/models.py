"""Bodies and parameters of requests about jobs and runs."""

from typing import Annotated, Any, Self

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from slowmatch.http.fields import PlainNumber, SearchText, Timestamp
from slowmatch.http.validation import NO_NUL, without_nul
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle.actions import BULK
from slowmatch.jobs.model import RunState, Trigger
from slowmatch.jobs.queries.run_details import JsonField
from slowmatch.jobs.run_filter import RunFilter

Name = Annotated[str, Field(max_length=100, json_schema_extra=NO_NUL), AfterValidator(without_nul)]
JobName = Annotated[Name, Path(description="Name of a job, as listed by GET /api/jobs")]
ScheduleName = Annotated[Name, Path(description="Name of a schedule, as listed by GET /api/schedules")]
YEAR_SECONDS = 366 * 24 * 3600
MAX_PAYLOADS = 1_000
MAX_NEW_RUNS_BYTES = 1024 * 1024


def valid_run_id(value: object) -> str:
    found = parse_run_id(value)
    if found is None:
        raise ValueError("must be a run ID (a UUID)")
    return found


def _whole(value: object) -> object:
    """In JSON, 60.0 and 60 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


RunId = Annotated[str, Field(json_schema_extra={"format": "uuid"}), BeforeValidator(valid_run_id)]
PathRunId = Annotated[RunId, Path()]
JsonFieldName = Annotated[JsonField, Path()]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _given(**types: str) -> dict[str, Any]:
    """JSON Schema for an object that has these fields, and none of them null."""
    return {"required": list(types), "properties": {name: {"type": kind} for name, kind in types.items()}}


class NewRun(Strict):
    """What to run, and when: now, after `delay_seconds`, or at `due_at`, at most a year ahead.

    With `payloads`, a run of each is created, all or none. The body may have 1 MiB. With an `Idempotency-Key`, a
    repeated request creates nothing and answers with the runs of the first one.
    """

    model_config = ConfigDict(json_schema_extra={"not": _given(delay_seconds="integer", due_at="string")})

    payload: dict[str, Any] = Field(default_factory=dict)
    payloads: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_PAYLOADS)] | None = None
    delay_seconds: (
        Annotated[int, Field(strict=True, ge=0, le=YEAR_SECONDS), BeforeValidator(_whole)] | None
    ) = None
    due_at: Timestamp | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.delay_seconds is not None and self.due_at is not None:
            raise ValueError("must not have both delay_seconds and due_at")
        if self.payloads is not None and self.payload:
            raise ValueError("must not have both payload and payloads")
        return self


class Pause(Strict):
    note: (
        Annotated[str, Field(max_length=500, json_schema_extra=NO_NUL), AfterValidator(without_nul)] | None
    ) = None


class NewSchedule(Strict):
    """What a schedule runs and when: `cron(minute hour day month weekday year)`, `rate(n unit)` or a single time,
    `at(2026-12-24T07:00:00)`, in the time zone of a place, such as Europe/Berlin, or UTC.

    It fires from `starts_at` on, and before `ends_at`, if they are given. Without `time_zone` it is UTC. Without
    `enabled`, a new schedule is enabled, and another one stays as it is.
    """

    job: Name
    payload: dict[str, Any] = Field(default_factory=dict)
    expression: Annotated[str, Field(json_schema_extra=NO_NUL), AfterValidator(without_nul)]
    time_zone: Annotated[str, Field(json_schema_extra=NO_NUL), AfterValidator(without_nul)] | None = None
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    enabled: Annotated[bool, Field(strict=True)] | None = None


class Filter(Strict):
    """Which runs: those that match every given field. Times bound the creation."""

    state: RunState | None = None
    job: Name | None = None
    trigger: Trigger | None = None
    created_from: Timestamp | None = None
    created_to: Timestamp | None = None
    text: SearchText | None = None
    retrying: Annotated[bool, Field(strict=True)] | None = None
    schedule: Name | None = None

    def as_filter(self) -> RunFilter:
        return RunFilter(**self.model_dump())


class Bulk(Strict):
    """Runs by their ids, or all that match a filter, a thousand per call; `after` continues."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_given(ids="array"), _given(filter="object")]})

    ids: Annotated[list[RunId], Field(min_length=1, max_length=BULK)] | None = None
    filter: Filter | None = None
    after: RunId | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("must have either ids or filter, but not both")
        return self


Hours = Annotated[int, Field(ge=1, le=24 * 31), PlainNumber, Query()]
