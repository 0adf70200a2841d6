"""Deliveries to one destination, each from its claim to what came of it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from slowmatch import notifications, telemetry
from slowmatch.db import Connection
from slowmatch.notifications import delivery, queue, routing
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.formats import Message, written
from slowmatch.notifications.message import story
from slowmatch.notifications.sender import LIMIT_SECONDS, Answer, post
from slowmatch.settings import settings

SECONDS_FOR_ONE = LIMIT_SECONDS + 3
"""What a delivery takes at most: the POST, and the database before and after it."""


def deliver(
    con: Connection, name: str, destinations: Sequence[Destination], seconds_left: Callable[[], float]
) -> None:
    """Send what waits for the destination `name`, oldest first, as long as there is time for one more.

    What is left is for the next invocation, which gets a message.
    """
    to = next((each for each in destinations if each.name == name), None)
    if to is None:
        delivery.give_up(con, name, con.now(), "the destination is not in the secret any more")
        return
    while claimed := delivery.claim(con, to, con.now()):
        rests = _send(con, claimed, to)
        if rests:
            return
        if seconds_left() < SECONDS_FOR_ONE:
            _leave_the_rest(con, name)
            return


def _leave_the_rest(con: Connection, name: str) -> None:
    now = con.now()
    if found := delivery.oldest_due(con, name, now):
        queue.send([queue.Pointer(found[0].id, name, now)], now)


def _send(con: Connection, claimed: delivery.Claim, to: Destination) -> bool:
    """Send what was claimed; True when the destination now rests."""
    answer = _post(claimed.told, claimed.folded, to, con.now())
    ended = con.now()
    again_at = delivery.note(con, claimed, to.name, answer, ended)
    what = f"{claimed.told.event} of {claimed.told.subject} to {to.name}: {answer.words}"
    if answer.taken:
        telemetry.logger.info(f"told {what}")
        telemetry.count("NotificationSent", destination=to.name)
    elif again_at is not None:
        telemetry.logger.warning(f"not told {what}; attempt {claimed.attempt + 1} at {again_at.isoformat()}")
        if delivery.sends_itself(ended, again_at):
            queue.send([queue.Pointer(claimed.told.id, to.name, again_at)], ended)
    else:
        telemetry.logger.error(f"given up at attempt {claimed.attempt}: {what}")
        telemetry.count("NotificationFailed", destination=to.name)
        if answer.gone:
            _report_switched_off(con, to, ended)
    return again_at is not None


def _post(told: routing.Notification, folded: int, to: Destination, now: datetime) -> Answer:
    config = settings()
    message = Message(told, story(told, folded, config.console_url), folded, config.stack_name)
    body, headers = written(message, to, now)
    return post(to.url, body, headers)


def _report_switched_off(con: Connection, to: Destination, now: datetime) -> None:
    """In the log, in the health check, and to the other destinations."""
    telemetry.logger.error(
        f"destination {to.name} answered 410 Gone and is switched off until its address changes"
    )
    told = delivery.tell_switched_off(con, to, now)
    if told is not None:
        notifications.publish([told])


def send_test(to: Destination, now: datetime) -> dict[str, Any]:
    """What the receiver says to a message that is about nothing."""
    told = routing.Notification(
        "00000000-0000-0000-0000-000000000000",
        now,
        "alarm",
        None,
        None,
        {
            "alarm": "A test from Slowmatch",
            "state": "OK",
            "reason": "Somebody asked for it.",
            "url": settings().console_url,
        },
    )
    answer = _post(told, 0, to, now)
    return {"destination": to.name, "taken": answer.taken, "answer": answer.words}
