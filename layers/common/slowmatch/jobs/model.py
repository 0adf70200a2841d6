"""Runs and their attempts: the types that the readers, the API, the console and the OpenAPI document share.

All times are aware and in UTC.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal, Self

RunState = Literal["enqueued", "scheduled", "processing", "succeeded", "failed", "deleted"]
Trigger = Literal["schedule", "api", "console", "direct"]
Outcome = Literal["succeeded", "failed", "lost", "continued", "cancelled"]


class JsonRow:
    """For dataclasses: reads the JSON that PostgreSQL builds of a row, and writes it again."""

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        times = _times(cls)  # type: ignore[arg-type]  # mypy takes the class for its instances
        values = {
            name: datetime.fromisoformat(value) if name in times and value is not None else value
            for name, value in row.items()
        }
        return cls(**cls._parts(values))

    @classmethod
    def _parts(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values, with those that are rows themselves read."""
        return values

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; times as ISO 8601 text."""
        text = json.dumps(asdict(self), default=datetime.isoformat)  # type: ignore[call-overload]
        fields: dict[str, Any] = json.loads(text)
        return fields


@cache
def _times(cls: type) -> frozenset[str]:
    """The names of the fields that are times."""
    return frozenset(each.name for each in fields(cls) if each.type in (datetime, datetime | None))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun(JsonRow):
    """A run as lists show it: without its payload and result, with the first 1,000 characters of its error.

    A `stopped` run is one that was deleted while it was processing. `schedule` is the name of the one that started it,
    if that was made at run time.
    """

    id: str = field(metadata={"json_schema_extra": {"format": "uuid"}})
    job: str
    state: RunState
    stopped: bool
    trigger: Trigger
    triggered_by: str | None
    schedule: str | None
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

    @property
    def word(self) -> str:
        """What people call its state: "stopped" for a run that was deleted while it was processing."""
        return "stopped" if self.stopped else self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(ListedRun):
    """A run by itself.

    `cut` has the size in bytes of a payload or result that is too large for an answer and therefore null here;
    GET /api/runs/{run_id}/json/{field} reads it in pieces.
    """

    payload: dict[str, Any] | None
    result: Any
    cut: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(JsonRow):
    """One attempt of a run; without an outcome it is processing. That of a stopped run is `cancelled`."""

    number: int
    worker: str
    request_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None
    error_type: str | None
    error_message: str | None
    traceback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(JsonRow):
    """A change of a run's state: why, and by whom. From `processing` to `deleted`, the run was stopped."""

    id: int
    at: datetime
    from_state: RunState | None
    to_state: RunState
    reason: str
    actor: str

    @property
    def word(self) -> str:
        """What people call the new state."""
        return "stopped" if (self.from_state, self.to_state) == ("processing", "deleted") else self.to_state


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(JsonRow):
    """One line of a run's log."""

    id: int
    attempt: int
    at: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails(Run):
    """A run with its last attempts (100 at most), events (200) and lines of its log (1,000).

    They are fewer where they are long. `attempts_earlier`, `events_earlier` and `log_earlier` count those that
    are left out; GET /api/runs/{run_id}/attempts, /events and /log have all, page by page.

    A run that was made from another one has that one's id in `rerun_of`; `reruns` are the last runs that were made
    from this one, oldest first. `handler_ended_at` says when the handler of a stopped run ended, null as long as that
    is not known, and `stop_noticed` whether it ended because of the stop: one without a checkpoint works to its end.
    """

    attempts: list[Attempt]
    attempts_earlier: int
    events: list[Event]
    events_earlier: int
    log: list[LogLine]
    log_earlier: int
    rerun_of: str | None = field(metadata={"json_schema_extra": {"format": "uuid"}})
    reruns: list[str]
    handler_ended_at: datetime | None
    stop_noticed: bool | None

    @classmethod
    def _parts(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values | {
            "attempts": [Attempt.from_json(each) for each in values["attempts"]],
            "events": [Event.from_json(each) for each in values["events"]],
            "log": [LogLine.from_json(each) for each in values["log"]],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """What became of an attempt, and the state of its run that follows. `value` is what the handler returned, as
    JSON text.

    If the run is to go on, it is due at `due_at` (aware).
    """

    outcome: Outcome
    state: RunState
    reason: str
    failures: int
    due_at: datetime | None = None
    value: str | None = None
    cursor: dict[str, Any] | None = None
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None

    @property
    def error(self) -> str | None:
        return f"{self.error_type}: {self.error_message}" if self.error_type else None
