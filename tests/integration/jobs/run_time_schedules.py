"""A schedule made at run time, and the messages that it sends, for the tests of schedules."""

from datetime import UTC, datetime
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.schedules.store import put
from tests.integration.jobs.conftest import Work

NAME = "every-morning"
MORNING = "cron(0 7 * * ? *)"
AT = "2026-12-01T06:00:00Z"


def make(con: Connection, name: str = NAME, **given: Any) -> Schedule:
    wanted = {"job": "record-expiry", "expression": MORNING, "time_zone": "Europe/Berlin"} | given
    return put(con, name, **wanted)


def at_expression(moment: datetime) -> str:
    return f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M}:00)"


def start(work: Work, name: str = NAME, at: str = AT, sent: datetime | None = None) -> list[str]:
    """Deliver the message of a schedule; the ids of those that SQS has to keep."""
    message: dict[str, Any] = {"messageId": "1", "body": f'{{"schedule": "{name}", "at": "{at}"}}'}
    if sent:
        message |= {"attributes": {"SentTimestamp": str(round(sent.timestamp() * 1000))}}
    answer = work.invoke({"Records": [message]})
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]
