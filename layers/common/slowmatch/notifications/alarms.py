"""CloudWatch's alarms, as they come over SNS."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.db import Connection
from slowmatch.notifications.routing import record
from slowmatch.text import clean


def is_alarm(message: Any) -> bool:
    return isinstance(message, dict) and "AlarmName" in message and "NewStateValue" in message


def record_alarm(con: Connection, message: dict[str, Any], message_id: str, now: datetime) -> str | None:
    """Note an alarm that changed its state; `message_id` is SNS's, so that a repetition is none."""
    name = _text(message["AlarmName"])
    detail = {
        "alarm": name,
        "state": _text(message["NewStateValue"]),
        "description": _text(message.get("AlarmDescription")),
        "reason": _text(message.get("NewStateReason")),
        "url": _console(_text(message.get("AlarmArn")), name),
    }
    return record(con, now, "alarm", message_id, json.dumps(detail), _job(message))


def _text(value: Any) -> str:
    return clean(str(value or ""))


def _job(message: dict[str, Any]) -> str | None:
    """The metric's dimension `job`, where it has one."""
    trigger = message.get("Trigger")
    dimensions = trigger.get("Dimensions") if isinstance(trigger, dict) else None
    for dimension in dimensions if isinstance(dimensions, list) else []:
        if isinstance(dimension, dict) and dimension.get("name") == "job":
            return _text(dimension.get("value"))
    return None


def _console(arn: str, name: str) -> str | None:
    """Where the AWS console shows it; ARNs are arn:partition:service:region:..."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[1] != "aws":
        return None
    region = parts[3]
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#alarmsV2:alarm/{quote(name, safe='')}"
    )
