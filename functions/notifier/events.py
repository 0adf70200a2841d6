"""The shapes of what the notifier is sent: SNS's and SQS's events, and two by hand."""

import json
from dataclasses import dataclass
from typing import Any

from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.worker.events import EventError


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is the message's JSON, or its text when it is none."""

    id: str
    body: Any


@dataclass(frozen=True, slots=True)
class Told:
    """From SNS: there is something to tell."""

    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """From SQS: deliver this now."""

    messages: list[Message]


@dataclass(frozen=True, slots=True)
class Test:
    """By hand: send a test message to the destination `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """By hand: which destinations are there?"""


def parse(event: Any) -> Told | Deliveries | Test | Look:
    """Raises EventError."""
    if event in ({}, None):
        return Look()
    if isinstance(event, dict):
        records = event.get("Records")
        if isinstance(records, list) and records and all(isinstance(record, dict) for record in records):
            if all(isinstance(record.get("Sns"), dict) for record in records):
                return Told([_message(r["Sns"].get("MessageId"), r["Sns"].get("Message")) for r in records])
            return Deliveries([_message(r.get("messageId"), r.get("body")) for r in records])
        payload = event.get("payload")
        if isinstance(payload, dict) and payload.keys() == {"test"} and isinstance(payload["test"], str):
            return Test(payload["test"])
    raise EventError(
        'this function accepts events of SNS and SQS, {} to see the destinations, and {"payload": {"test": "name"}}'
        " to send one of them a test message"
    )


def _message(message_id: Any, text: Any) -> Message:
    try:
        return Message(str(message_id), json.loads(text))
    except (TypeError, ValueError, RecursionError):
        return Message(str(message_id), text)


def notification_id(body: Any) -> str | None:
    """What `notify.publish` said; None for what is not ours."""
    return parse_run_id(body.get("notification")) if isinstance(body, dict) else None


def destination(body: Any) -> str:
    """The destination that a message of `notify.queue` names. Raises EventError."""
    name = body.get("destination") if isinstance(body, dict) else None
    if notification_id(body) is None or not isinstance(name, str):
        raise EventError(f"it names no notification and destination: {str(body)[:200]!r}")
    return name
