"""From a row to SNS. What SNS does not take now, the dispatcher publishes with its next tick."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from slowmatch.aws.clients import client
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.settings import settings
from slowmatch.telemetry import logger

TOLD_LATE = timedelta(days=1)
"""What could not be told for this long is no news any more."""
MOST = 100
"""The most that one tick publishes: with a wrong secret each of them fails."""


@cache
def sns() -> Any:
    return client("sns")


def publish(ids: Iterable[str], deadline: Deadline = NEVER) -> int:
    """Hand notifications to the notifier; how many SNS took by the deadline. Repeating one does no harm."""
    from botocore.exceptions import BotoCoreError, ClientError

    topic, taken = settings().notify_topic_arn, 0
    for notification_id in ids if topic else ():
        if deadline.is_over:
            break
        try:
            sns().publish(TopicArn=topic, Message=json.dumps({"notification": notification_id}))
        except (BotoCoreError, ClientError) as error:
            logger.warning(f"topic {topic} took no notification: {error}; the dispatcher will publish again")
            break
        taken += 1
    return taken


def publish_waiting(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Publish what the notifier has not routed yet: it was not published, or the notifier failed."""
    rows = con.query(
        f"""
        SELECT id::text FROM notification
        WHERE routed_at IS NULL AND at > CAST(:oldest AS timestamptz) ORDER BY at LIMIT {MOST}
        """,
        oldest=now - TOLD_LATE,
    )
    return publish((row[0] for row in rows), deadline)
