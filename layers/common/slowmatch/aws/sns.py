"""SNS: the one client, and the one publisher of messages."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from slowmatch.aws import clients
from slowmatch.deadline import NEVER, Deadline
from slowmatch.telemetry import logger


@cache
def client() -> Any:
    return clients.client("sns")


def publish(topic_arn: str, messages: Sequence[dict[str, Any]], deadline: Deadline = NEVER) -> int:
    """Publish the messages until SNS rejects one or the deadline is over, and return how many SNS accepted."""
    from botocore.exceptions import BotoCoreError, ClientError

    for number, message in enumerate(messages):
        if deadline.is_over:
            return number
        try:
            client().publish(TopicArn=topic_arn, Message=json.dumps(message))
        except (BotoCoreError, ClientError) as error:
            reason = clients.refusal(error)
            logger.warning(f"{topic_arn} rejected a message: {reason}; the dispatcher will publish it again")
            return number
    return len(messages)
