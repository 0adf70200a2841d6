"""SQS: the one client, and the one sender of messages."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from slowmatch.aws import clients
from slowmatch.deadline import NEVER, Deadline
from slowmatch.telemetry import logger

MAX_DELAY_SECONDS = 900
"""The longest delay that SQS accepts for a message."""
MAX_BATCH = 10
"""The most messages that SQS accepts in one call."""
BATCHES_AT_ONCE = 8
"""As many as boto3's client has connections for (10), with some to spare."""


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the sender's own name for the message; `body` is sent as JSON."""

    id: str
    body: dict[str, Any]
    delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Unsent:
    """The ids of the messages that SQS did not take, and why it rejected one; None if only time ran out."""

    ids: list[str]
    reason: str | None


@cache
def client() -> Any:
    return clients.client("sqs")


def delay_seconds(due_at: datetime, now: datetime) -> int:
    """The seconds until `due_at`, as far as SQS can delay a message."""
    return min(max(math.ceil((due_at - now).total_seconds()), 0), MAX_DELAY_SECONDS)


def send(
    url: str, messages: Sequence[Message], deadline: Deadline = NEVER, *, in_order: bool = True
) -> Unsent:
    """Send the messages in batches until SQS rejects a whole batch or the deadline is over.

    Unless they are to be sent in order, several batches are sent at the same time, after the first one.
    """
    batches = [messages[start : start + MAX_BATCH] for start in range(0, len(messages), MAX_BATCH)]
    is_refused = False

    def attempt(batch: Sequence[Message]) -> dict[str, str | None]:
        """The ids that SQS did not take, and why."""
        nonlocal is_refused
        if is_refused or deadline.is_over:
            return dict.fromkeys(message.id for message in batch)
        rejected = _send_batch(url, batch)
        if len(rejected) == len(batch):
            is_refused = True
        return rejected

    left = [attempt(batch) for batch in batches[:1]]
    if in_order or len(batches) <= 2:
        left += map(attempt, batches[1:])
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
            left += pool.map(attempt, batches[1:])
    unsent = {message_id: why for batch in left for message_id, why in batch.items()}
    return Unsent([*unsent], next(filter(None, reversed(unsent.values())), None))


def _send_batch(url: str, batch: Sequence[Message]) -> dict[str, str | None]:
    """Return the id of each message that SQS rejected, and why."""
    from botocore.exceptions import BotoCoreError, ClientError

    entries = [
        {"Id": str(number), "MessageBody": json.dumps(message.body), "DelaySeconds": message.delay_seconds}
        for number, message in enumerate(batch)
    ]
    try:
        failed = client().send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
    except (BotoCoreError, ClientError) as error:
        reason = f"the queue rejects all messages: {clients.refusal(error)}"
        reasons: dict[str, str | None] = dict.fromkeys((message.id for message in batch), reason)
    else:
        reasons = {}
        for entry in failed:
            why = entry.get("Message") or entry.get("Code")
            reasons[batch[int(entry["Id"])].id] = f"the queue rejected a message: {why}"
    for why in set(reasons.values()):
        logger.warning(f"{url}: {why}; the dispatcher will send it again")
    return reasons
