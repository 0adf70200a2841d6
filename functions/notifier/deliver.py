"""Sends what waits for one destination, each message from its claim to its result."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from slowmatch.db import Connection
from slowmatch.notifications import alarms, delivery, destination_state, publishing, queue
from slowmatch.notifications.delivery import ClaimedDelivery
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.formats import format_for
from slowmatch.notifications.message import MessageContent, Notification, SeriesState, compose
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
    if destination.flaw:
        logger.error(f"notifications to {name} wait until its entry is corrected: {destination.flaw}")
        return
    while claimed := delivery.claim(con, destination, con.now()):
        if not _send(con, claimed, destination):
            break
        if seconds_left() < MAX_DELIVERY_SECONDS:
            delivery.send_next_message(con, name, con.now())
            break
    _publish(alarms.record_trouble(con, name, con.now()))


def _send(con: Connection, claimed: ClaimedDelivery, destination: Destination) -> bool:
    """Send what was claimed; False if the destination rests now."""
    response = _post(con, claimed.notification, claimed.state, destination)
    now = con.now()
    result = delivery.finish(con, claimed, response, now)
    notification, name = claimed.notification, destination.name
    what = f"notification ({notification.event}, {notification.subject}) to {name}: {response.description}"
    if response.is_success:
        logger.info(f"sent {what}")
        count("NotificationSent", destination=name)
        if result.works_again:
            _publish(alarms.record_end_of_trouble(con, name, now))
        return True
    if result.retry_at is not None:
        until = result.retry_at.isoformat()
        logger.warning(f"attempt {claimed.attempt} failed; the next is at {until}: {what}")
    if result.given_up:
        logger.error(f"gave up after attempt {claimed.attempt}: {what}")
    return not response.is_temporary


def _post(
    con: Connection, notification: Notification, state: SeriesState, destination: Destination
) -> Response:
    config = settings()
    content = compose(notification, state, console_url=config.console_url, stack=config.stack_name)
    return post_message(destination, content, con.now())


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


def _publish(notification_id: str | None) -> None:
    if notification_id is not None:
        publishing.publish([notification_id])


def send_test(con: Connection, destination: Destination) -> dict[str, Any]:
    """Send a message that is about nothing, and return what the receiver responds.

    If it accepts the message, a destination that was switched off is switched on again, and is told what it missed.
    """
    now = con.now()
    detail = {
        "alarm": "A test from Slowmatch",
        "state": "OK",
        "reason": "Someone requested this test.",
        "url": settings().console_url,
        "test": True,
    }
    notification = Notification(str(uuid4()), now, event="alarm", job=None, run_id=None, detail=detail)
    response = _post(con, notification, SeriesState(state="OK", since=now, first_at=now), destination)
    answer = {
        "destination": destination.name,
        "taken": response.is_success,
        "answer": response.description,
        "switched_on": False,
    }
    if response.is_success:
        before = destination_state.states(con).get(destination.name)
        missed = destination_state.record_success(con, destination.name, response, con.now(), is_test=True)
        if missed is not None:
            answer["switched_on"] = bool(before and before.switched_off_at)
            queue.send_messages([queue.message(each, destination.name) for each in missed[:1]])
            _publish(alarms.record_end_of_trouble(con, destination.name, con.now()))
    return answer
