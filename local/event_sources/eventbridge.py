"""EventBridge's clock: fires the template's scheduled rules at their minute (UTC)."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from local.event_sources import input_transformer
from local.services.aws_client import Aws, AwsError
from local.template.model import Function, Rule, Target, Template

# Sleep is cut into slices, so that a laptop that slept, or a clock that was set, is noticed.
_SLICE_SECONDS = 20.0


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime | None: ...


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
        self._schedules: dict[Rule, Schedule] = {}
        self._next: dict[Rule, datetime | None] = {}

    def next_firing(self, rule: Rule) -> datetime | None:
        return self._next.get(rule)

    def start(self, parse: Callable[[str], Schedule], now: datetime) -> None:
        """Count from `now`; an expression that `parse` refuses with ValueError is reported and never fires."""
        for rule in self._template.rules:
            if rule.expression is None:
                continue
            try:
                self._schedules[rule] = parse(rule.expression)
            except ValueError as error:
                self._report(f"rule {rule.name} will not fire: {error}")
            else:
                self._next[rule] = self._schedules[rule].next_after(now)

    def due(self, now: datetime) -> list[tuple[Rule, datetime]]:
        """Rules with the tick that has come; ticks that passed while the machine slept count as one."""
        found = [(rule, tick) for rule, tick in self._next.items() if tick is not None and tick <= now]
        for rule, _ in found:
            self._next[rule] = self._schedules[rule].next_after(now)
        return found

    async def run(self) -> None:
        """Until cancelled."""
        self.start(await asyncio.to_thread(_load_parser), datetime.now(UTC))
        while True:
            moments = [tick for tick in self._next.values() if tick is not None]
            left = (min(moments) - datetime.now(UTC)).total_seconds() if moments else _SLICE_SECONDS
            await asyncio.sleep(min(max(left, 0.0), _SLICE_SECONDS))
            for rule, tick in self.due(datetime.now(UTC)):
                await self.fire(rule, tick)

    async def fire(self, rule: Rule, tick: datetime) -> None:
        """Send the event of `tick` to the rule's targets, unless the rule is disabled."""
        try:
            described = await self._aws.call("events", "DescribeRule", Name=rule.name)
            if described.get("State") == "DISABLED":
                return
            event = input_transformer.scheduled_event(described["Arn"], str(uuid.uuid4()), tick)
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
            self._report(f"no queue, function or topic {target.arn} here; it would have got {text}")


def _load_parser() -> Callable[[str], Schedule]:
    # Importing slowmatch takes a third of a second: not before the stack is ready.
    from slowmatch.jobs import cron

    return cron.parse
