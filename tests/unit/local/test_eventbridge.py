import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from local.event_sources.eventbridge import EventBridge
from local.event_sources.scheduler import Schedule
from local.services.aws_client import Aws
from local.services.provision import provision
from local.template import reader
from local.template.model import Function, Rule, Target, Template
from tests.unit.local.support import TEMPLATE

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
TWO = MIDNIGHT.replace(hour=2)


class EventBridgeOnMoto:
    def __init__(self, aws: Aws, template: Template) -> None:
        self.aws = aws
        self.template = template
        self.reports: list[str] = []
        self.invoked: list[tuple[str, Any]] = []
        self.eventbridge = EventBridge(aws, template, self._invoke, self.reports.append)

    def _invoke(self, function: Function, payload: bytes) -> None:
        self.invoked.append((function.logical_id, json.loads(payload)))

    async def put_schedule(
        self, expression: str, zone: str, *, name: str = "s", method: str = "POST", **more: str
    ) -> None:
        """Make a schedule in the stack's group, or change it by PUT, as the dispatcher does."""
        content = json.dumps({"schedule": name, "at": "<aws.scheduler.scheduled-time>"})
        await self.aws.rest(
            "scheduler",
            f"/schedules/{name}",
            method=method,
            GroupName="slowmatch",
            ScheduleExpression=expression,
            ScheduleExpressionTimezone=zone,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": self.template.queues[0].arn, "RoleArn": "arn:aws:iam::1:role/r", "Input": content},
            **{"State": "ENABLED"} | more,
        )

    def planned_schedules(self) -> list[tuple[Schedule, datetime]]:
        """The schedules with their next times."""
        planned = ((each, self.eventbridge.next_firing(each)) for each in self.eventbridge.schedules)
        return [(schedule, at) for schedule, at in planned if at]

    async def received(self) -> list[Any]:
        answer = await self.aws.call(
            "sqs", "ReceiveMessage", QueueUrl=self.template.queues[0].url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@asynccontextmanager
async def on_moto(port: int) -> AsyncIterator[EventBridgeOnMoto]:
    async with aiohttp.ClientSession() as session:
        aws = Aws(session, f"http://127.0.0.1:{port}")
        read = reader.read(TEMPLATE, port)
        async with session.post(f"http://127.0.0.1:{port}/moto-api/reset"):
            await provision(aws, read, {"database": {"username": "u"}}, "slowmatch@example.com")
        yield EventBridgeOnMoto(aws, read)


def rule(expression: str | None, *, name: str = "r", targets: tuple[Target, ...] = ()) -> Rule:
    return Rule(logical_id="R", name=name, expression=expression, enabled=True, targets=targets)


def rules_of(*rules: Rule, report: Callable[[str], object] = print) -> EventBridge:
    template = Template(functions=(), queues=(), rules=rules, topics=(), secrets=())
    return EventBridge(Aws(None, ""), template, lambda *_: None, report)  # type: ignore[arg-type]


def test_a_rule_is_due_at_its_minute_and_once() -> None:
    nightly = rule("cron(0 2 * * ? *)")
    rules = rules_of(nightly)
    rules.start(MIDNIGHT)
    assert rules.next_firing(nightly) == TWO
    assert rules.due(TWO - timedelta(seconds=1)) == []
    assert rules.due(TWO) == [(nightly, TWO)]
    assert rules.due(TWO) == []
    assert rules.next_firing(nightly) == TWO + timedelta(days=1)


def test_occurrences_missed_during_sleep_count_as_one() -> None:
    frequent = rule("rate(5 minutes)")
    rules = rules_of(frequent)
    rules.start(MIDNIGHT)
    assert len(rules.due(MIDNIGHT + timedelta(hours=3))) == 1
    assert rules.next_firing(frequent) == MIDNIGHT + timedelta(hours=3, minutes=5)


def test_an_expression_that_makes_no_sense_is_reported() -> None:
    said: list[str] = []
    wrong = rule("cron(never)", name="wrong")
    waiting = rule(None, name="waits for events")
    rules = rules_of(wrong, waiting, report=said.append)
    rules.start(MIDNIGHT)
    assert "rule wrong will not fire" in said[0]
    assert rules.next_firing(wrong) is None
    assert rules.due(MIDNIGHT + timedelta(days=99)) == []


async def test_a_firing_rule_sends_its_transformed_input_to_the_queue(moto: int) -> None:
    async with on_moto(moto) as b:
        await b.eventbridge.fire(b.template.rules[0], TWO)
        assert await b.received() == [{"job": "nightly", "occurrence": "2026-03-01T02:00:00Z"}]


async def test_a_disabled_rule_does_not_fire(moto: int) -> None:
    async with on_moto(moto) as b:
        nightly, paused, _ = b.template.rules
        await b.aws.call("events", "DisableRule", Name=nightly.name)
        await b.eventbridge.fire(nightly, TWO)
        await b.eventbridge.fire(paused, TWO)
        assert await b.received() == []
        await b.aws.call("events", "EnableRule", Name=nightly.name)
        await b.eventbridge.fire(nightly, TWO)
        assert len(await b.received()) == 1


async def test_a_schedule_invokes_its_function(moto: int) -> None:
    async with on_moto(moto) as b:
        scheduled = b.template.rules[2]
        await b.eventbridge.fire(scheduled, TWO)
        assert b.invoked == [("TinyFunction", {"often": True})]
        await b.eventbridge.fire(
            rule(None, name=scheduled.name, targets=(Target(b.template.functions[0].arn, None, None),)),
            TWO,
        )
        assert b.invoked[1][1]["detail-type"] == "Scheduled Event"


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [("slowmatch-nightly", "arn:nowhere", "arn:nowhere"), ("unknown", "arn:nowhere", "did not fire")],
)
async def test_a_rule_that_cannot_deliver_is_reported(moto: int, name: str, target: str, said: str) -> None:
    async with on_moto(moto) as b:
        await b.eventbridge.fire(rule(None, name=name, targets=(Target(target, "{}", None),)), TWO)
        assert said in b.reports[0]


async def test_a_schedule_made_at_run_time_fires_in_its_zone(moto: int) -> None:
    async with on_moto(moto) as b:
        await b.put_schedule("cron(0 7 * * ? *)", "Europe/Berlin")
        await b.eventbridge.look()
        ((schedule, at),) = b.planned_schedules()
        assert at.astimezone(ZoneInfo("Europe/Berlin")).hour == 7
        assert b.eventbridge.due(at) == [(schedule, at)]
        await b.eventbridge.fire(schedule, at)
        assert await b.received() == [{"schedule": "s", "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}]


async def test_a_changed_and_a_deleted_schedule_are_noticed(moto: int) -> None:
    async with on_moto(moto) as b:
        await b.put_schedule("cron(0 7 * * ? *)", "UTC")
        await b.eventbridge.look()
        ((old, seven),) = b.planned_schedules()
        await b.put_schedule("cron(0 8 * * ? *)", "UTC", method="PUT")
        await b.eventbridge.look()
        ((_, eight),) = b.planned_schedules()
        assert (seven.hour, eight.hour) == (7, 8)
        await b.put_schedule("cron(0 8 * * ? *)", "UTC", method="PUT", State="DISABLED")
        await b.eventbridge.fire(old, seven)
        await b.eventbridge.look()
        assert (await b.received(), b.planned_schedules(), b.reports) == ([], [], [])


async def test_two_hundred_schedules_are_listed_on_several_pages(moto: int) -> None:
    async with on_moto(moto) as b:
        for number in range(201):
            await b.put_schedule("rate(1 hour)", "UTC", name=f"each-{number}")
        await b.eventbridge.look()
        assert len(b.eventbridge.schedules) == 201
