"""EventBridge: fires the template's rules, and the schedules that were made at run time, when they are due."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from local.event_sources import input_transformer, scheduler
from local.event_sources.scheduler import Schedule
from local.services.aws_client import Aws, AwsError
from local.template.model import Function, Rule, Target, Template
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.timing import Timing

# A limit to each sleep, so that a changed schedule, a suspended laptop or a changed clock is noticed.
_MAX_SLEEP_SECONDS = 2.0


class EventBridge:
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
        self._timings: dict[Rule | Schedule, Timing] = {}
        self._next: dict[Rule | Schedule, datetime | None] = {}

    @property
    def schedules(self) -> list[Schedule]:
        return [each for each in self._next if isinstance(each, Schedule)]

    def next_firing(self, rule: Rule | Schedule) -> datetime | None:
        return self._next.get(rule)

    def start(self, now: datetime) -> None:
        """Plan the rules from `now` on. A rule with an invalid expression is reported and never fires."""
        for rule in self._template.rules:
            if rule.expression is None:
                continue
            try:
                self._plan(rule, timing.parse(rule.expression, "UTC"), now)
            except ValueError as error:
                self._report(f"rule {rule.name} will not fire: {error}")

    async def look(self) -> None:
        """Plan the schedules that were made or changed since the last look, from their change on; drop the others."""
        try:
            found = await scheduler.list_schedules(self._aws)
            for gone in {*self.schedules} - {*found}:
                del self._next[gone], self._timings[gone]
            for new in {*found} - {*self.schedules}:
                described = await scheduler.describe(self._aws, new)
                self._plan(new, scheduler.timing_of(described), new.modified_at)
        except (AwsError, ValueError) as error:
            self._report(f"the schedules could not be read: {error}")

    def _plan(self, rule: Rule | Schedule, when: Timing, after: datetime) -> None:
        self._timings[rule] = when
        self._next[rule] = when.next_after(after)

    def due(self, now: datetime) -> list[tuple[Rule | Schedule, datetime]]:
        """What is due, with its occurrence; of several missed ones only the first."""
        found = [(rule, at) for rule, at in self._next.items() if at is not None and at <= now]
        for rule, _ in found:
            self._next[rule] = self._timings[rule].next_after(now)
        return found

    async def run(self) -> None:
        """Fire what is due until cancelled."""
        self.start(datetime.now(UTC))
        while True:
            await self.look()
            moments = [at for at in self._next.values() if at is not None]
            left = (min(moments) - datetime.now(UTC)).total_seconds() if moments else _MAX_SLEEP_SECONDS
            await asyncio.sleep(min(max(left, 0.0), _MAX_SLEEP_SECONDS))
            for rule, occurrence in self.due(datetime.now(UTC)):
                await self.fire(rule, occurrence)

    async def fire(self, rule: Rule | Schedule, occurrence: datetime) -> None:
        """Send what an occurrence sends, unless the rule or schedule was disabled or deleted meanwhile."""
        try:
            if isinstance(rule, Rule):
                await self._fire_rule(rule, occurrence)
            else:
                described = await scheduler.describe(self._aws, rule)
                if described["State"] == "DISABLED":
                    return
                target = scheduler.target_of(described, occurrence)
                await self._send(target, str(target.input))
        except AwsError as error:
            self._report(f"{type(rule).__name__.lower()} {rule.name} did not fire: {error}")

    async def _fire_rule(self, rule: Rule, occurrence: datetime) -> None:
        described = await self._aws.call("events", "DescribeRule", Name=rule.name)
        if described.get("State") == "DISABLED":
            return
        event = input_transformer.scheduled_event(described["Arn"], str(uuid.uuid4()), occurrence)
        for target in rule.targets:
            await self._send(target, input_transformer.target_input(event, target, rule.name))

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
