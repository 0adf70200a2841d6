"""EventBridge: fires the template's scheduled rules at their minute (UTC)."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from local.event_sources import input_transformer
from local.services.aws_client import Aws, AwsError
from local.template.model import Function, Rule, Target, Template
from slowmatch.jobs import cron

# A limit to each sleep, so that a suspended laptop or a changed clock is noticed.
_MAX_SLEEP_SECONDS = 20.0


class Rules:
    """`invoke_async` is Lambda's asynchronous invocation, for rules that target a function."""

    def __init__(
        self,
        aws: Aws,
        template: Template,
        invoke_async: Callable[[Function, bytes], None],
        report: Callable[[str], None],
    ) -> None:
        self._aws = aws
        self._template = template
        self._invoke_async = invoke_async
        self._report = report
        self._schedules: dict[Rule, cron.Schedule] = {}
        self._next: dict[Rule, datetime | None] = {}

    def next_firing(self, rule: Rule) -> datetime | None:
        return self._next.get(rule)

    def start(self, now: datetime) -> None:
        """Schedule from `now` on. A rule with an invalid expression is reported and never fires."""
        for rule in self._template.rules:
            if rule.expression is None:
                continue
            try:
                self._schedules[rule] = cron.parse(rule.expression)
            except ValueError as error:
                self._report(f"rule {rule.name} will not fire: {error}")
            else:
                self._next[rule] = self._schedules[rule].next_after(now)

    def due(self, now: datetime) -> list[tuple[Rule, datetime]]:
        """The rules that are due, with their occurrence; of several missed ones only the first."""
        found = [(rule, at) for rule, at in self._next.items() if at is not None and at <= now]
        for rule, _ in found:
            self._next[rule] = self._schedules[rule].next_after(now)
        return found

    async def run(self) -> None:
        """Fire rules until cancelled."""
        self.start(datetime.now(UTC))
        while True:
            moments = [at for at in self._next.values() if at is not None]
            left = (min(moments) - datetime.now(UTC)).total_seconds() if moments else _MAX_SLEEP_SECONDS
            await asyncio.sleep(min(max(left, 0.0), _MAX_SLEEP_SECONDS))
            for rule, occurrence in self.due(datetime.now(UTC)):
                await self.fire(rule, occurrence)

    async def fire(self, rule: Rule, occurrence: datetime) -> None:
        """Send the event of an occurrence to the rule's targets, unless the rule is disabled."""
        try:
            described = await self._aws.call("events", "DescribeRule", Name=rule.name)
            if described.get("State") == "DISABLED":
                return
            event = input_transformer.scheduled_event(described["Arn"], str(uuid.uuid4()), occurrence)
            for target in rule.targets:
                await self._send(target, input_transformer.target_input(event, target, rule.name))
        except AwsError as error:
            self._report(f"rule {rule.name} did not fire: {error}")

    async def _send(self, target: Target, text: str) -> None:
        queue = self._template.queue(target.arn)
        function = self._template.function(target.arn)
        if queue is not None:
            await self._aws.call("sqs", "SendMessage", QueueUrl=queue.url, MessageBody=text)
        elif function is not None:
            self._invoke_async(function, text.encode())
        elif target.arn in {topic.arn for topic in self._template.topics}:
            await self._aws.query("sns", "Publish", TopicArn=target.arn, Message=text)
        else:
            self._report(
                f"the template has no queue, function or topic {target.arn}, which should receive {text}"
            )
