"""Tells people: from SNS one delivery for each destination that wants it, from SQS what waits for a destination."""

from collections.abc import Sequence
from typing import Any

from notifier import events
from notifier.deliver import deliver, send_test
from slowmatch import notifications
from slowmatch.db import connection
from slowmatch.jobs import JOBS
from slowmatch.jobs.worker.events import EventError
from slowmatch.notifications import Destination, alarms, queue, routing
from slowmatch.notifications.trouble import switched_off
from slowmatch.settings import settings
from slowmatch.telemetry import logger


def handler(event: Any, context: Any) -> Any:
    """SNS's and SQS's events; `{}` tells which destinations there are.

    `{"payload": {"test": "name"}}` sends a test message there at once.
    """
    config = settings()
    # First of all, whatever came: with a wrong secret nothing is sent, and the error says what is wrong.
    destinations = notifications.read(config.notify_secret_arn, JOBS, local=config.auth == "local")
    wanted = events.parse(event)
    if isinstance(wanted, events.Told):
        return [_route(message, destinations) for message in wanted.messages]
    if isinstance(wanted, events.Deliveries):
        failed = [message.id for message in wanted.messages if not _delivered(message, destinations, context)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    if isinstance(wanted, events.Test):
        return _test(wanted.name, destinations)
    return {"destinations": _listed(destinations)}


def _route(message: events.Message, destinations: Sequence[Destination]) -> int:
    """How many deliveries were sent on their way at once."""
    con = connection()
    now = con.now()
    if alarms.is_alarm(message.body):
        notification_id = alarms.record_alarm(con, message.body, message.id, now)
    else:
        notification_id = events.notification_id(message.body)
    if notification_id is None:
        logger.info(f"SNS message {message.id} has nothing new to tell")
        return 0
    pointers = routing.route(con, notification_id, destinations, now, settings().notify_fold_after)
    return queue.send(pointers, now)


def _delivered(message: events.Message, destinations: Sequence[Destination], context: Any) -> bool:
    """False keeps the message in the queue."""
    try:
        deliver(
            connection(),
            events.destination(message.body),
            destinations,
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
    except Exception as error:  # noqa: BLE001 - one message must not take its neighbours along
        logger.error(f"message {message.id} stays in the queue: {type(error).__name__}: {error}")
        return False
    return True


def _test(name: str, destinations: Sequence[Destination]) -> dict[str, Any]:
    for to in destinations:
        if to.name == name:
            return send_test(to, connection().now())
    there = ", ".join(to.name for to in destinations) or "none"
    raise EventError(f"there is no destination {name!r}; there are: {there}")


def _listed(destinations: Sequence[Destination]) -> list[dict[str, Any]]:
    off = switched_off(connection())
    return [
        {
            "name": to.name,
            "kind": to.kind,
            "events": list(to.events or notifications.EVENTS),
            "jobs": list(to.jobs or JOBS),
            "switched_off": off.get(to.name),
        }
        for to in destinations
    ]
