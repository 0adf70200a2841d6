"""What EventBridge sends to a rule's target: the event, a constant, or a filled-in input template."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.environment import ACCOUNT, REGION
from local.template.model import Target


def scheduled_event(rule_arn: str, event_id: str, occurrence: datetime) -> dict[str, Any]:
    """The event of a scheduled occurrence (UTC)."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": _timestamp(occurrence),
        "region": REGION,
        "resources": [rule_arn],
        "detail": {},
    }


def target_input(event: Mapping[str, Any], target: Target, rule_name: str) -> str:
    """The text that `target` receives for `event`.

    In an input template `<name>` becomes the value as JSON, inside quotes its bare text:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if target.input is None:
        return json.dumps(event)
    if target.paths is None:
        return target.input
    values = {name: _at(event, path) for name, path in target.paths}
    values |= {
        "aws.events.rule-arn": event["resources"][0],
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    return _fill(target.input, values)


def _fill(template: str, values: Mapping[str, Any]) -> str:
    quoted = False

    def replace(match: re.Match[str]) -> str:
        nonlocal quoted
        if match[0] == '"':
            quoted = not quoted
            return '"'
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        if not quoted:
            return json.dumps(value)
        return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]

    return re.sub(
        r'\\.|"|<([A-Za-z0-9_.-]+)>',
        lambda match: match[0] if match[0][0] == "\\" else replace(match),
        template,
    )


def _at(event: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `$.detail.items[0].name`; "" if it is missing."""
    value: Any = event
    for name, index in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", path.removeprefix("$")):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return ""
    return value


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
