"""SQS: a message says that something waits for a destination. If one is lost, the dispatcher sends another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.settings import settings

NAME = "notify"
RESEND_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Something waits for `destination` at `due_at`, for example `notification`."""

    notification: str
    destination: str
    due_at: datetime


def send(pointers: Sequence[Pointer], now: datetime, deadline: Deadline = NEVER) -> int:
    """Send a message for each, and return how many SQS took by the deadline; the dispatcher finds the others."""
    messages = [
        sqs.Message(
            str(number),
            {"notification": pointer.notification, "destination": pointer.destination},
            sqs.delay_seconds(pointer.due_at, now),
        )
        for number, pointer in enumerate(pointers)
    ]
    return len(messages) - len(sqs.send(settings().queue_url_prefix + NAME, messages, deadline).ids)


def send_waiting(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Send a message to each destination for which something is due within SQS's delay, unless one is on its way.

    One is enough, however much waits. One that comes before the destination's rest is over ends there.
    """
    rows = con.query(
        """
        WITH waiting AS (
            SELECT delivery.*, known.rests_until
            FROM notification_delivery AS delivery
            LEFT JOIN notification_destination AS known ON known.name = delivery.destination
            WHERE delivery.state = 'waiting'
        ), due AS (
            SELECT DISTINCT ON (destination) notification_id, destination, GREATEST(due_at, rests_until) AS at
            FROM waiting
            WHERE GREATEST(due_at, rests_until) <= CAST(:horizon AS timestamptz)
              AND NOT EXISTS (
                  SELECT FROM waiting AS sent
                  WHERE sent.destination = waiting.destination
                    AND sent.message_at > CAST(:overdue AS timestamptz)
                    AND (sent.message_at < sent.rests_until) IS NOT TRUE
              )
            ORDER BY destination, due_at
        )
        UPDATE notification_delivery AS delivery SET message_at = GREATEST(due.at, CAST(:now AS timestamptz))
        FROM due
        WHERE delivery.notification_id = due.notification_id AND delivery.destination = due.destination
        RETURNING delivery.notification_id::text, delivery.destination, due.at
        """,
        now=now,
        horizon=now + timedelta(seconds=sqs.MAX_DELAY_SECONDS),
        overdue=now - RESEND_AFTER,
    )
    return send([Pointer(*row) for row in rows], now, deadline)
