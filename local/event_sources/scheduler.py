"""The schedules that were made at run time, as moto's EventBridge Scheduler has them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from local.environment import STACK_NAME
from local.services.aws_client import Aws
from local.template.model import Target
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.timing import Timing

_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@dataclass(frozen=True)
class Schedule:
    """A schedule of the stack's group; `modified_at` changes with each change."""

    name: str
    modified_at: datetime


async def list_schedules(aws: Aws) -> list[Schedule]:
    """The schedules of the stack's group that are enabled. Raises AwsError."""
    found: list[Schedule] = []
    token: str | None = ""
    while token is not None:
        query = {"ScheduleGroup": STACK_NAME, "State": "ENABLED", "MaxResults": 100}
        path = f"/schedules?{urlencode(query | ({'NextToken': token} if token else {}))}"
        page = json.loads(await aws.rest("scheduler", path, method="GET"))
        found += [
            Schedule(each["Name"], datetime.fromtimestamp(each["LastModificationDate"], UTC))
            for each in page["Schedules"]
        ]
        token = page["NextToken"]
    return found


async def describe(aws: Aws, schedule: Schedule) -> dict[str, Any]:
    """Raises AwsError."""
    path = f"/schedules/{schedule.name}?groupName={STACK_NAME}"
    found: dict[str, Any] = json.loads(await aws.rest("scheduler", path, method="GET"))
    return found


def timing_of(described: dict[str, Any]) -> Timing:
    """Raises ScheduleError."""
    start, end = (
        datetime.fromtimestamp(described[name], UTC) if described.get(name) else None
        for name in ("StartDate", "EndDate")
    )
    return timing.parse(described["ScheduleExpression"], described["ScheduleExpressionTimezone"], start, end)


def target_of(described: dict[str, Any], occurrence: datetime) -> Target:
    """The target with its input for an occurrence."""
    target = described["Target"]
    return Target(
        target["Arn"], target["Input"].replace(_SCHEDULED_TIME, f"{occurrence:%Y-%m-%dT%H:%M:%SZ}"), None
    )
