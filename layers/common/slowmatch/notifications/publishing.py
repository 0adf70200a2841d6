"""Publishing: sends the ids of notifications by SNS to the notifier, which routes them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch.aws import clients
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.notifications import destination_state
from slowmatch.settings import settings
from slowmatch.telemetry import logger

PUBLISHED_FOR = timedelta(days=1)
"""After this long the dispatcher no longer publishes what the notifier has not routed."""
MAX_PUBLISHED_PER_PASS = 100
"""With a wrong secret all of them fail, and are published again."""
ROUTED_WITHIN = timedelta(minutes=12)
"""Until then the dispatcher has published a notification twice; the notifier fails, for example over its secret."""


@cache
def sns_client() -> Any:
    return clients.client("sns")


def publish(ids: Sequence[str], deadline: Deadline = NEVER) -> int:
    """Send notifications to the notifier until SNS rejects one or the deadline is over; return how many it accepted.

    Repetitions do no harm.
    """
    topic_arn = settings().notify_topic_arn
    if topic_arn is None:
        return 0
    from botocore.exceptions import BotoCoreError, ClientError

    for number, notification_id in enumerate(ids):
        if deadline.is_over:
            return number
        try:
            sns_client().publish(TopicArn=topic_arn, Message=json.dumps({"notification": notification_id}))
        except (BotoCoreError, ClientError) as error:
            reason = clients.refusal(error)
            logger.warning(f"{topic_arn} rejected a message: {reason}; the dispatcher will publish it again")
            return number
    return len(ids)


def publish_waiting(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Publish what is not routed: publishing failed, or the notifier did."""
    rows = con.query(
        f"""
        SELECT id::text
        FROM notification
        WHERE routed_at IS NULL AND at > :oldest::timestamptz
        ORDER BY at
        LIMIT {MAX_PUBLISHED_PER_PASS}
        """,
        oldest=now - PUBLISHED_FOR,
    )
    return publish([notification_id for (notification_id,) in rows], deadline)


@dataclass(frozen=True, slots=True)
class NotificationProblem:
    """Why notifications reach nobody, or not everybody, and since when. It `is_outage` if it concerns everybody."""

    text: str
    since: datetime | None = None
    is_outage: bool = False


def find_problems(con: Connection, now: datetime) -> Iterator[NotificationProblem]:
    unrouted = con.query(
        """
        SELECT FROM notification
        WHERE routed_at IS NULL AND at > :oldest::timestamptz AND at < :latest::timestamptz
        LIMIT 1
        """,
        oldest=now - PUBLISHED_FOR,
        latest=now - ROUTED_WITHIN,
    )
    if unrouted:
        text = "the notifier is failing to process notifications; its log has the reason"
        yield NotificationProblem(text, is_outage=True)
    for name, state in destination_state.states(con).items():
        if state.flaw:
            yield NotificationProblem(f"nothing is sent to {name}: {state.flaw}")
        elif state.switched_off_at or state.gave_up_at:
            are = "switched off" if state.switched_off_at else "lost"
            text = f"notifications to {name} are {are}: its last answer was {state.answer}"
            yield NotificationProblem(text, state.failing_since)
