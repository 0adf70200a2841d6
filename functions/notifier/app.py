"""The notifier. For SNS it routes notifications to destinations, for SQS it delivers what waits for a destination.

`{}` lists the destinations, and `{"payload": {"test": "name"}}` sends a test message to one of them.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notifier.deliver import deliver, send_test
from slowmatch.db import connection
from slowmatch.jobs import JOBS
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.worker.events import EventError, parse_records
from slowmatch.notifications import alarms, destination_state, destinations, queue, routing
from slowmatch.notifications.destinations import Destination
from slowmatch.settings import settings
from slowmatch.telemetry import logger

ACCEPTED = (
    'this function accepts events from SNS and SQS, {} to list the destinations, and {"payload": {"test": "name"}}'
    " to send a test message to one of them"
)


def handler(event: Any, context: Any) -> Any:
    """Record alarms first: they are nowhere else. Then read the destinations, for every event: an unreadable secret
    fails the invocation with its own error.
    """
    records = parse_records(event) if isinstance(event, dict) and "Records" in event else []
    ids = [_record(message) for record in records for message in _sns_messages(record)]
    published = [notification_id for notification_id in ids if notification_id is not None]
    config = settings()
    jobs = {name: job.notify_by_default for name, job in JOBS.items()}
    found = destinations.read(config.notify_secret_arn, jobs, local=config.auth == "local")
    listed = found.destinations
    destination_state.store_list(connection(), found, connection().now())
    if event in ({}, None):
        return {
            "destinations": _describe(listed),
            "problems": [f"{name}: {flaw}" for name, flaw in found.flaws.items()],
        }
    if not isinstance(event, dict):
        raise EventError(ACCEPTED)
    if records:
        if published:
            for name, flaw in found.flaws.items():
                logger.error(f"nothing is sent to {name}: {flaw}")
        for notification_id in published:
            _route(notification_id, listed)
        deliveries = [record for record in records if not _sns_messages(record)]
        failed = [record for record in deliveries if not _is_processed(record, listed, context)]
        return {"batchItemFailures": [{"itemIdentifier": str(record.get("messageId"))} for record in failed]}
    match event.get("payload"):
        case {"test": str(name), **others} if not others:
            if name in found.flaws:
                raise EventError(f"nothing can be sent to {name}: {found.flaws[name]}")
            if name in listed:
                return send_test(connection(), listed[name])
            names = ", ".join(listed) or "none"
            raise EventError(f"there is no destination {name!r}; the destinations are: {names}")
    raise EventError(ACCEPTED)


def _sns_messages(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The message of SNS in a record, or in the event in its body: Lambda gave that up and put it into the queue."""
    body = _parse_json(record.get("body"))
    inner = body.get("Records") if isinstance(body, dict) else None
    records = [record, *(inner if isinstance(inner, list) else [])]
    found = [each.get("Sns") for each in records if isinstance(each, dict)]
    return [message for message in found if isinstance(message, dict)]


def _record(message: dict[str, Any]) -> str | None:
    """The notification in a message of SNS. An alarm becomes one now; None if it was one already."""
    message_id, body = str(message.get("MessageId")), _parse_json(message.get("Message"))
    if alarms.is_alarm(body):
        notification_id = alarms.record_alarm(connection(), body, message_id, connection().now())
    else:
        notification_id = _notification_id(body)
    if notification_id is None:
        logger.info(f"SNS message {message_id} contains no new notification")
    return notification_id


def _route(notification_id: str, listed: Mapping[str, Destination]) -> None:
    con, digest_after = connection(), settings().notify_digest_after
    messages = routing.route(con, notification_id, listed.values(), now=con.now(), digest_after=digest_after)
    queue.send_messages(messages)


def _is_processed(record: dict[str, Any], listed: Mapping[str, Destination], context: Any) -> bool:
    """Deliver what waits for the destination that a message names; False keeps the message in the queue."""
    try:
        body = _parse_json(record.get("body"))
        name = body.get("destination") if isinstance(body, dict) else None
        if _notification_id(body) is None or not isinstance(name, str):
            raise EventError(
                f"the message does not name both a notification and a destination: {str(body)[:200]!r}"
            )
        deliver(connection(), name, listed, lambda: context.get_remaining_time_in_millis() / 1000)
    except Exception as error:  # noqa: BLE001 - one message must not affect the others
        logger.error(f"message {record.get('messageId')} stays in the queue: {type(error).__name__}: {error}")
        return False
    return True


def _parse_json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def _notification_id(body: Any) -> str | None:
    return parse_run_id(body.get("notification")) if isinstance(body, dict) else None


def _describe(listed: Mapping[str, Destination]) -> list[dict[str, Any]]:
    """`switched_off` is why a destination is; it has confirmed nothing since `failing_since`."""
    states = destination_state.states(connection())
    described = []
    for name, destination in listed.items():
        state = states.get(name)
        described.append(
            {
                "name": name,
                "kind": destination.kind,
                "events": list(destination.events or destinations.EVENTS),
                "jobs": list(
                    destination.jobs or (job for job in JOBS if job not in destination.only_by_name)
                ),
                "problem": destination.flaw,
                "switched_off": state.answer if state and state.switched_off_at else None,
                "last_answer": state and state.answer,
                "answered_at": state and state.answered_at,
                "failing_since": state and state.failing_since,
            }
        )
    listing: list[dict[str, Any]] = json.loads(json.dumps(described, default=datetime.isoformat))
    return listing
