"""Alarms: those of CloudWatch, as SNS delivers them, and the notifier's own about destinations that refuse."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.db import Connection
from slowmatch.text import clean


def is_alarm(message: Any) -> bool:
    return isinstance(message, dict) and "AlarmName" in message and "NewStateValue" in message


def record_alarm(con: Connection, message: dict[str, Any], message_id: str, now: datetime) -> str | None:
    """Record that an alarm changed its state, once for each `message_id` of SNS.

    SNS may deliver two changes in the wrong order, so the time is CloudWatch's.
    """
    name = _text(message["AlarmName"])
    detail = {
        "alarm": name,
        "state": _text(message["NewStateValue"]),
        "description": _text(message.get("AlarmDescription")),
        "reason": _text(message.get("NewStateReason")),
        "url": _console_url(_text(message.get("AlarmArn")), name),
    }
    at = min(_changed_at(message) or now, now)
    return _record(con, at, key=message_id, detail=detail, job=_job(message))


def record_trouble(con: Connection, destination: str, now: datetime) -> str | None:
    """Record for the other destinations, once, that notifications to this one are lost; None if they are not."""
    rows = con.query(
        """
        SELECT gave_up_at, switched_off_at IS NOT NULL, answer
        FROM notification_destination
        WHERE name = :name AND gave_up_at IS NOT NULL
        """,
        name=destination,
    )
    for gave_up_at, is_off, answer in rows:
        way_out = (
            " It is switched off until its address in the secret changes or it accepts a test message."
            if is_off
            else " It will not get this notification, and may miss the next ones."
        )
        reason = f"It did not accept a notification: {answer}.{way_out}"
        key = f"lost to {destination} since {gave_up_at.isoformat()}"
        return _record(con, now, key=key, detail=_about(destination, "ALARM", reason), job=None)
    return None


def record_end_of_trouble(con: Connection, destination: str, now: datetime) -> str | None:
    """Record for the other destinations that this one accepts notifications again."""
    key = f"accepted by {destination} since {now.isoformat()}"
    detail = _about(destination, "OK", "It accepts notifications again.")
    return _record(con, now, key=key, detail=detail, job=None)


def _about(destination: str, state: str, reason: str) -> dict[str, str | None]:
    return {
        "alarm": f"Notifications to {destination}",
        "state": state,
        "reason": reason,
        "destination": destination,
    }


def _record(
    con: Connection, at: datetime, *, key: str, detail: dict[str, str | None], job: str | None
) -> str | None:
    """Insert a notification and return its id; None if there is an alarm with this `key` already."""
    sql = """
        INSERT INTO notification (at, event, job, key, detail)
        VALUES (:at::timestamptz, 'alarm', :job::text, :key, :detail::jsonb)
        ON CONFLICT DO NOTHING
        RETURNING id::text
    """
    rows = con.query(sql, at=at, job=job, key=key, detail=json.dumps(detail))
    return rows[0][0] if rows else None


def _text(value: Any) -> str:
    return clean(str(value or ""))


def _changed_at(message: dict[str, Any]) -> datetime | None:
    try:
        changed_at = datetime.fromisoformat(str(message.get("StateChangeTime")))
    except ValueError:
        return None
    return changed_at if changed_at.tzinfo else None


def _job(message: dict[str, Any]) -> str | None:
    """The value of the dimension `job`, if the alarm's metrics have one and the same."""
    trigger = message.get("Trigger")
    jobs = {_text(_named(each, "value")) for each in _dimensions(trigger) if _named(each, "name") == "job"}
    return jobs.pop() if len(jobs) == 1 else None


def _dimensions(trigger: Any) -> Iterator[Any]:
    """The dimensions of an alarm's metric, or of all the metrics that it computes with.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    yield from _list(_named(trigger, "dimensions"))
    for each in _list(_named(trigger, "metrics")):
        metric = _named(_named(each, "metricstat"), "metric")
        yield from _list(_named(metric, "dimensions"))


def _named(value: Any, name: str) -> Any:
    """A member of a JSON object, whatever the case of its name: CloudWatch writes `name` and `Dimensions`."""
    if not isinstance(value, dict):
        return None
    return next((member for key, member in value.items() if key.lower() == name), None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _console_url(arn: str, name: str) -> str | None:
    """The alarm's page in the AWS console; an ARN is arn:partition:service:region:..."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[1] != "aws":
        return None
    console = f"https://{parts[3]}.console.aws.amazon.com/cloudwatch/home?region={parts[3]}"
    return f"{console}#alarmsV2:alarm/{quote(name, safe='')}"
