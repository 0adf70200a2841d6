"""Parses what a function is sent: batches of SQS messages, and direct invocations."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slowmatch.jobs.fields import is_whole
from slowmatch.jobs.ids import parse_run_id

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces with the time of the occurrence."""


class EventError(ValueError):
    """An event that the function does not accept."""


class MessageError(ValueError):
    """A message that can never be processed. It stays in the queue until SQS moves it to the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class RunDue:
    """A message: start attempt number `attempt` of a run."""

    run_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class OccurrenceDue:
    """A message of a job's rule: `occurrence` is in UTC and in whole minutes, as precise as EventBridge."""

    job: str
    occurrence: datetime


@dataclass(frozen=True, slots=True)
class ScheduleDue:
    """A message of the schedule `name`, which was made at run time, about an occurrence in whole minutes (UTC).

    If it `is_sent_time`, EventBridge did not fill in the occurrence, and this is the minute when SQS got the message.
    """

    name: str
    occurrence: datetime
    is_sent_time: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a batch; `parse_body` reads its body."""

    id: str
    body: Any
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StartRun:
    """A direct invocation: start a new run. The payload is not checked yet."""

    payload: Any
    occurrence: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestartRun:
    """A direct invocation: start the next attempt of a run."""

    run_id: str


def parse(event: Any) -> list[Message] | StartRun | RestartRun:
    """The messages of a batch, or one of the four direct invocations. Raises EventError and MessageError."""
    match event:
        case {"Records": _}:
            records = parse_records(event)
            return [
                Message(str(record.get("messageId", "")), record.get("body"), _sent_at(record))
                for record in records
            ]
        case {"source": "aws.events", "time": time}:
            return StartRun({}, _occurrence(time))
        case {"run_id": given, **others} if not others:
            if run_id := parse_run_id(given):
                return RestartRun(run_id)
            raise EventError(f"run_id {given!r} is not the identifier of a run")
        case {"payload": payload, **others} if not others:
            return StartRun(payload)
        case None | {} if not event:
            return StartRun({})
    raise EventError(
        'this function accepts {}, an EventBridge scheduled event, {"payload": {...}}, {"run_id": "..."}'
        " or a batch of SQS messages"
    )


def parse_records(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a batch from SQS. Raises EventError."""
    records = event["Records"]
    if not isinstance(records, list) or not records or not all(isinstance(each, dict) for each in records):
        raise EventError("Records must be a list of objects, as sent by SQS")
    return records


def parse_body(body: Any, sent_at: datetime | None = None) -> RunDue | OccurrenceDue | ScheduleDue:
    """What a message asks for. Raises MessageError."""
    try:
        content = json.loads(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"it is not JSON: {str(body)[:200]!r}") from error
    match content:
        case {"job": str(job), "occurrence": occurrence, **others} if not others:
            return OccurrenceDue(job, _occurrence(occurrence))
        case {"schedule": str(name), "at": at, **others} if not others:
            if at == SCHEDULED_TIME and sent_at:
                return ScheduleDue(name, _whole_minute(sent_at), is_sent_time=True)
            return ScheduleDue(name, _occurrence(at))
        case {"run_id": given, "attempt": attempt, **others} if not others:
            run_id = parse_run_id(given)
            if run_id is not None and is_whole(attempt, 1, 2**31 - 1):
                return RunDue(run_id, attempt)
        case dict():
            pass
        case _:
            raise MessageError(f"it is not a JSON object: {str(body)[:200]!r}")
    raise MessageError(
        f"it has neither job and occurrence, nor schedule and at, nor run_id and attempt: {str(body)[:200]!r}"
    )


def _sent_at(record: dict[str, Any]) -> datetime | None:
    """When SQS got the message, if it says so."""
    try:
        return datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _occurrence(text: Any) -> datetime:
    """The time of a scheduled occurrence. Raises MessageError."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise MessageError(f"occurrence {text!r} is not a time such as 2026-12-31T02:00:00Z") from error
    if at.tzinfo is None:
        raise MessageError(f"occurrence {text!r} has no offset: write 2026-12-31T02:00:00Z")
    try:
        return _whole_minute(at)
    except OverflowError as error:
        raise MessageError(f"occurrence {text!r} is out of range in UTC") from error


def _whole_minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
