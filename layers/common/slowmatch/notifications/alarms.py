"""Alarms: those of CloudWatch, as SNS delivers them, and the notifier's own about a destination that is gone."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.db import Connection
from slowmatch.notifications.destinations import Destination
from slowmatch.text import clean


def is_alarm(message: Any) -> bool:
    return isinstance(message, dict) and "AlarmName" in message and "NewStateValue" in message


def record_alarm(con: Connection, message: dict[str, Any], message_id: str, now: datetime) -> str | None:
    """Record that an alarm changed its state, once for each `message_id` of SNS."""
    name = _text(message["AlarmName"])
    detail = {
        "alarm": name,
        "state": _text(message["NewStateValue"]),
        "description": _text(message.get("AlarmDescription")),
        "reason": _text(message.get("NewStateReason")),
        "url": _console_url(_text(message.get("AlarmArn")), name),
    }
    return _record(con, now, key=message_id, detail=detail, job=_job(message))


def record_switched_off(con: Connection, destination: Destination, now: datetime) -> str | None:
    """Record for the other destinations that this one is switched off, once for each address."""
    detail: dict[str, str | None] = {
        "alarm": f"Notifications to {destination.name}",
        "state": "ALARM",
        "reason": "It responded with 410 Gone and has been switched off."
        " To switch it on again, put a new address in the secret.",
    }
    key = f"switched off {destination.name} {destination.fingerprint}"
    return _record(con, now, key=key, detail=detail, job=None)


def _record(
    con: Connection, now: datetime, *, key: str, detail: dict[str, str | None], job: str | None
) -> str | None:
    """Insert a notification and return its id; None if there is an alarm with this `key` already."""
    sql = """
        INSERT INTO notification (at, event, job, key, detail)
        VALUES (:now::timestamptz, 'alarm', :job::text, :key, :detail::jsonb)
        ON CONFLICT DO NOTHING
        RETURNING id::text
    """
    rows = con.query(sql, now=now, job=job, key=key, detail=json.dumps(detail))
    return rows[0][0] if rows else None


def _text(value: Any) -> str:
    return clean(str(value or ""))


def _job(message: dict[str, Any]) -> str | None:
    """The value of the metric's dimension `job`, if it has one."""
    trigger = message.get("Trigger")
    dimensions = trigger.get("Dimensions") if isinstance(trigger, dict) else None
    for dimension in dimensions if isinstance(dimensions, list) else []:
        if isinstance(dimension, dict) and dimension.get("name") == "job":
            return _text(dimension.get("value"))
    return None


def _console_url(arn: str, name: str) -> str | None:
    """The alarm's page in the AWS console; an ARN is arn:partition:service:region:..."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[1] != "aws":
        return None
    console = f"https://{parts[3]}.console.aws.amazon.com/cloudwatch/home?region={parts[3]}"
    return f"{console}#alarmsV2:alarm/{quote(name, safe='')}"
