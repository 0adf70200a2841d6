"""EventBridge's clock: fires the template's scheduled rules at their minute (UTC)."""

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from local import transformer
from local.aws import Aws, AwsError
from local.resources import Function, Rule, Target, Template

# Sleep is cut into slices, so that a laptop that slept, or a clock that was set, is noticed.
_SLICE_SECONDS = 20.0

InvokeAsync = Callable[[Function, bytes], None]


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime | None: ...


class Rules:
    """`invoke_async` is Lambda's asynchronous invocation, for rules that target a function."""

    def __init__(
        self, aws: Aws, template: Template, invoke_async: InvokeAsync, report: Callable[[str], None]
    ) -> None:
        self._aws = aws
        self._template = template
        self._invoke_async = invoke_async
        self._report = report
        self._due: dict[str, datetime | None] = {}

    def next_firing(self, rule: Rule) -> datetime | None:
        return self._due.get(rule.name)

    async def run(self) -> None:
        """Until cancelled. A tick that passed while the machine slept fires once, on waking."""
        parse = await asyncio.to_thread(_load_parser)
        schedules: dict[str, Schedule] = {}
        now = datetime.now(UTC)
        for rule in self._template.rules:
            if rule.expression:
                try:
                    schedules[rule.name] = parse(rule.expression)
                except ValueError as error:
                    self._report(f"rule {rule.name}: {error}")
                    continue
                self._due[rule.name] = schedules[rule.name].next_after(now)
        while True:
            await self._sleep()
            now = datetime.now(UTC)
            for rule in self._template.rules:
                due = self._due.get(rule.name)
                if due is not None and due <= now:
                    self._due[rule.name] = schedules[rule.name].next_after(now)
                    await self._fire(rule, due)

    async def _sleep(self) -> None:
        moments = [due for due in self._due.values() if due is not None]
        left = (min(moments) - datetime.now(UTC)).total_seconds() if moments else _SLICE_SECONDS
        await asyncio.sleep(min(max(left, 0.0), _SLICE_SECONDS))

    async def _fire(self, rule: Rule, tick: datetime) -> None:
        try:
            described = await self._aws.call("events", "DescribeRule", Name=rule.name)
            if described.get("State") == "DISABLED":
                return
            event = transformer.scheduled_event(described["Arn"], str(uuid.uuid4()), tick)
            for target in rule.targets:
                await self._send(target, transformer.target_input(event, target, rule.name))
        except AwsError as error:
            self._report(f"rule {rule.name} did not fire: {error}")

    async def _send(self, target: Target, text: str) -> None:
        queue = self._template.queue(target.arn)
        if queue is not None:
            await self._aws.call("sqs", "SendMessage", QueueUrl=queue.url, MessageBody=text)
        elif (function := self._template.function(target.arn)) is not None:
            self._invoke_async(function, text.encode())
        elif any(topic.arn == target.arn for topic in self._template.topics):
            await self._aws.query("sns", "Publish", TopicArn=target.arn, Message=text)
        else:
            self._report(f"no such target here: {target.arn} <- {json.dumps(text)}")


def _load_parser() -> Callable[[str], Schedule]:
    # Importing slowmatch takes a third of a second: not before the stack is ready.
    from slowmatch.jobs import cron

    return cron.parse
