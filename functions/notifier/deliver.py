"""Sends what waits for one destination, each delivery from its claim to its result."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from slowmatch.db import Connection
from slowmatch.notifications import alarms, delivery, publishing
from slowmatch.notifications.delivery import ClaimedDelivery
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.formats import format_for
from slowmatch.notifications.message import MessageContent, Notification, compose
from slowmatch.notifications.sender import TIMEOUT_SECONDS, Response, post
from slowmatch.settings import settings
from slowmatch.telemetry import count, logger

MAX_DELIVERY_SECONDS = TIMEOUT_SECONDS + 3
"""One delivery: the POST, and the database before and after it."""


def deliver(
    con: Connection, name: str, destinations: Mapping[str, Destination], seconds_left: Callable[[], float]
) -> None:
    """Send what waits for the destination `name`, oldest first, as long as there is time for one more.

    A message to the next invocation takes care of the rest.
    """
    destination = destinations.get(name)
    if destination is None:
        delivery.give_up(con, name, "the destination is no longer in the secret", now=con.now())
        return
    while claimed := delivery.claim(con, destination, con.now()):
        if not _send(con, claimed, destination):
            return
        if seconds_left() < MAX_DELIVERY_SECONDS:
            delivery.send_messages(delivery.next_message(con, name, con.now()))
            return


def _send(con: Connection, claimed: ClaimedDelivery, destination: Destination) -> bool:
    """Send what was claimed; False if the destination rests now."""
    response = _post(claimed.notification, claimed.digested, destination, con.now())
    now = con.now()
    retry_at = delivery.finish(con, claimed, response, now)
    notification, name = claimed.notification, destination.name
    what = f"notification ({notification.event}, {notification.subject}) to {name}: {response.description}"
    if retry_at is not None:
        logger.warning(f"attempt {claimed.attempt} failed; the next is at {retry_at.isoformat()}: {what}")
        return False
    if response.is_success:
        logger.info(f"sent {what}")
        count("NotificationSent", destination=name)
        return True
    logger.error(f"gave up after attempt {claimed.attempt}: {what}")
    count("NotificationFailed", destination=name)
    if response.is_gone:
        logger.error(f"destination {name} responded 410 Gone and is switched off until its address changes")
        if notification_id := alarms.record_switched_off(con, destination, now):
            publishing.publish([notification_id])
    return True


def _post(notification: Notification, digested: int, destination: Destination, now: datetime) -> Response:
    config = settings()
    content = compose(notification, digested, console_url=config.console_url, stack=config.stack_name)
    return post_message(destination, content, now)


def post_message(destination: Destination, content: MessageContent, now: datetime) -> Response:
    """Send the message, and once more as plain text if Slack rejects its blocks. Both share one time limit."""
    started = time.monotonic()
    response = post(destination.url, *format_for(destination, content, now))
    if destination.kind == "slack" and response.rejects_blocks:
        logger.warning(
            f"{destination.name} rejects the blocks of a message, which is sent again as plain text"
        )
        text = format_for(destination, content, now, plain_text=True)
        response = post(destination.url, *text, max(TIMEOUT_SECONDS - (time.monotonic() - started), 1.0))
    return response


def send_test(destination: Destination, now: datetime) -> dict[str, Any]:
    """Send a message that is about nothing, and return what the receiver responds."""
    detail = {
        "alarm": "A test from Slowmatch",
        "state": "OK",
        "reason": "Someone requested this test.",
        "url": settings().console_url,
        "test": True,
    }
    notification = Notification(str(uuid4()), now, event="alarm", job=None, run_id=None, detail=detail)
    response = _post(notification, 0, destination, now)
    return {"destination": destination.name, "taken": response.is_success, "answer": response.description}
