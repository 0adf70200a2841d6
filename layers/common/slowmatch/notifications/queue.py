"""SQS: a message says that something waits for a destination. If one is lost, the dispatcher sends another."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch.aws.clients import client
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.settings import settings
from slowmatch.telemetry import logger

NAME = "notify"
MAX_DELAY_SECONDS = 900
RESEND_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Something waits for `destination` at `due_at`, for example `notification`."""

    notification: str
    destination: str
    due_at: datetime


@cache
def sqs() -> Any:
    return client("sqs")


def send(pointers: Sequence[Pointer], now: datetime, deadline: Deadline = NEVER) -> int:
    """Send a message for each, and return how many SQS took by the deadline; the dispatcher finds the others.

    A queue that takes none of ten is asked no further.
    """
    sent = 0
    for start in range(0, len(pointers), 10):
        taken = 0 if deadline.is_over else _send(pointers[start : start + 10], now)
        if not taken:
            break
        sent += taken
    return sent


def _send(batch: Sequence[Pointer], now: datetime) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    address = settings().queue_url_prefix + NAME
    entries = [
        {
            "Id": str(number),
            "MessageBody": json.dumps(
                {"notification": pointer.notification, "destination": pointer.destination}
            ),
            "DelaySeconds": min(max(math.ceil((pointer.due_at - now).total_seconds()), 0), MAX_DELAY_SECONDS),
        }
        for number, pointer in enumerate(batch)
    ]
    try:
        refused = sqs().send_message_batch(QueueUrl=address, Entries=entries).get("Failed", [])
    except (BotoCoreError, ClientError) as error:
        logger.warning(f"queue {address} took no message: {error}; the dispatcher will send again")
        return 0
    return len(batch) - len(refused)


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
        horizon=now + timedelta(seconds=MAX_DELAY_SECONDS),
        overdue=now - RESEND_AFTER,
    )
    return send([Pointer(*row) for row in rows], now, deadline)
