"""Creates queues, rules, topics, secrets and the group of schedules in moto, as CloudFormation would."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from local.environment import STACK_NAME
from local.services.aws_client import Aws
from local.template.model import Queue, Rule, Template


async def provision(aws: Aws, template: Template, secrets: Mapping[str, Any], sender: str) -> None:
    """`secrets` are values or texts by name; `sender` becomes a verified SES identity."""
    dead_letters = {queue.dead_letter_arn for queue in template.queues}
    # The queue of a redrive policy must exist.
    for queue in sorted(template.queues, key=lambda queue: queue.arn not in dead_letters):
        await _create_queue(aws, queue)
    known: dict[str, Any] = {secret.name: {} for secret in template.secrets} | dict(secrets)
    await asyncio.gather(
        *(_create_rule(aws, rule) for rule in template.rules),
        *(aws.query("sns", "CreateTopic", Name=topic.name) for topic in template.topics),
        *(_create_secret(aws, name, value) for name, value in known.items()),
        aws.rest("ses", "/v2/email/identities", EmailIdentity=sender),
        aws.rest("scheduler", f"/schedule-groups/{STACK_NAME}", ClientToken=STACK_NAME),
    )


async def _create_queue(aws: Aws, queue: Queue) -> None:
    attributes = dict(queue.attributes)
    if queue.dead_letter_arn:
        attributes["RedrivePolicy"] = json.dumps(
            {"deadLetterTargetArn": queue.dead_letter_arn, "maxReceiveCount": queue.max_receive_count}
        )
    await aws.call("sqs", "CreateQueue", QueueName=queue.name, Attributes=attributes)


async def _create_rule(aws: Aws, rule: Rule) -> None:
    state = "ENABLED" if rule.enabled else "DISABLED"
    when = (
        {"ScheduleExpression": rule.expression}
        if rule.expression
        else {"EventPattern": json.dumps({"source": ["local"]})}
    )
    await aws.call("events", "PutRule", Name=rule.name, State=state, **when)


async def _create_secret(aws: Aws, name: str, value: Any) -> None:
    await aws.call(
        "secretsmanager",
        "CreateSecret",
        Name=name,
        SecretString=value if isinstance(value, str) else json.dumps(value),
        ClientRequestToken="0" * 32,
    )
