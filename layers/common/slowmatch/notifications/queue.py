"""The notifier's queue: a message makes a worker send what waits for one destination."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.settings import settings

QUEUE = "notify"
RESEND_AFTER = timedelta(minutes=10)


def message(notification_id: str, destination: str, delay_seconds: int = 0) -> sqs.Message:
    """The message that something, for example this notification, waits for the destination."""
    body = {"notification": notification_id, "destination": destination}
    return sqs.Message(destination, body, delay_seconds)


def message_at(notification_id: str, destination: str, at: datetime, now: datetime) -> sqs.Message:
    return message(notification_id, destination, sqs.delay_seconds(at, now))


def send_messages(messages: Sequence[sqs.Message], deadline: Deadline = NEVER) -> int:
    """Send messages, and return how many SQS accepted by the deadline. The dispatcher sends the others."""
    return len(messages) - len(sqs.send(settings().queue_url_prefix + QUEUE, messages, deadline).ids)


_NOTE_MESSAGES = """
    WITH waiting AS (
        SELECT delivery.*, known.rests_until
        FROM notification_delivery AS delivery
        LEFT JOIN notification_destination AS known ON known.name = delivery.destination
        WHERE delivery.state = 'waiting'
    ), due AS (
        SELECT DISTINCT ON (destination) notification_id, destination, GREATEST(due_at, rests_until) AS at
        FROM waiting
        WHERE GREATEST(due_at, rests_until) <= :horizon::timestamptz
          AND NOT EXISTS (
              SELECT FROM waiting AS sent
              WHERE sent.destination = waiting.destination
                AND sent.message_at > :overdue::timestamptz
                AND (sent.message_at < sent.rests_until) IS NOT TRUE
          )
        ORDER BY destination, due_at
    )
    UPDATE notification_delivery AS delivery SET message_at = GREATEST(due.at, :now::timestamptz)
    FROM due
    WHERE delivery.notification_id = due.notification_id AND delivery.destination = due.destination
    RETURNING delivery.notification_id::text, delivery.destination, due.at
"""


def send_waiting(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Send one message to each destination for which something is due within SQS's delay.

    No message is sent if one is on its way, unless that arrives before the end of the rest and so does nothing.
    """
    rows = con.query(
        _NOTE_MESSAGES,
        now=now,
        horizon=now + timedelta(seconds=sqs.MAX_DELAY_SECONDS),
        overdue=now - RESEND_AFTER,
    )
    return send_messages(
        [message_at(notification_id, name, at, now) for notification_id, name, at in rows], deadline
    )
