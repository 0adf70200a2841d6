"""The shapes of what a job's function is sent: two kinds of queue message, four of direct invocation."""

import json
from datetime import UTC, datetime
from typing import Any

from slowmatch.jobs.ids import parse_run_id


class EventError(ValueError):
    """An event that is none of the shapes that a function accepts."""


class MessageError(ValueError):
    """A message that can never be worked on; it is left to the dead-letter queue."""


def parse_message(body: Any) -> dict[str, Any]:
    """`{"job", "occurrence"}` or `{"run_id", "attempt"}`. Raises MessageError."""
    try:
        message = json.loads(body)
    except (TypeError, ValueError) as error:
        raise MessageError(f"it is not JSON: {str(body)[:200]!r}") from error
    if not isinstance(message, dict):
        raise MessageError(f"it is not a JSON object: {str(body)[:200]!r}")
    if message.keys() == {"job", "occurrence"}:
        return {"job": message["job"], "occurrence": parse_occurrence(message["occurrence"])}
    run_id, attempt = parse_run_id(message.get("run_id")), message.get("attempt")
    whole = isinstance(attempt, int) and not isinstance(attempt, bool) and 1 <= attempt < 2**31
    if message.keys() != {"run_id", "attempt"} or run_id is None or not whole:
        raise MessageError(f"it has neither job and occurrence nor run_id and attempt: {str(body)[:200]!r}")
    return {"run_id": run_id, "attempt": attempt}


def parse_occurrence(text: Any) -> datetime:
    """A tick's time in whole minutes, EventBridge's precision. Raises MessageError."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise MessageError(f"occurrence {text!r} is not a time such as 2026-12-31T02:00:00Z") from error
    if at.tzinfo is None:
        raise MessageError(f"occurrence {text!r} has no offset: write 2026-12-31T02:00:00Z")
    try:
        return at.astimezone(UTC).replace(second=0, microsecond=0)
    except OverflowError as error:
        raise MessageError(f"occurrence {text!r} is out of range in UTC") from error


def parse_records(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a batch of SQS. Raises EventError."""
    records = event["Records"]
    if (
        not isinstance(records, list)
        or not all(isinstance(record, dict) for record in records)
        or not records
    ):
        raise EventError("Records must be a list of objects, as SQS sends it")
    return records


def parse_direct(event: Any) -> dict[str, Any]:
    """The four shapes of a direct invocation. Raises EventError."""
    if event in ({}, None):
        return {"payload": {}}
    if isinstance(event, dict):
        if event.get("source") == "aws.events" and "time" in event:
            return {"payload": {}, "occurrence": parse_occurrence(event["time"])}
        if event.keys() == {"payload"}:
            return {"payload": event["payload"]}
        if event.keys() == {"run_id"}:
            run_id = parse_run_id(event["run_id"])
            if run_id is None:
                raise EventError(f"run_id {event['run_id']!r} is not the identifier of a run")
            return {"run_id": run_id}
    raise EventError(
        'this function accepts {}, a scheduled event of EventBridge, {"payload": {...}}, {"run_id": "..."}'
        " or a batch of SQS messages"
    )
