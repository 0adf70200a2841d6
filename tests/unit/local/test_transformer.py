"""What a rule's target gets, as EventBridge fills it in."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from local import transformer

EVENT = transformer.scheduled_event("arn:rule", "id-1", datetime(2026, 11, 24, 2, tzinfo=UTC))


def filled(template: str | None, **paths: str) -> str:
    target: Any = SimpleNamespace(input=template, paths=tuple(paths.items()) if paths else None)
    return transformer.target_input(EVENT, target, "nightly")


def test_without_a_transformer_the_event_is_sent() -> None:
    assert json.loads(filled(None)) == EVENT
    assert EVENT["time"] == "2026-11-24T02:00:00Z"


def test_a_constant_is_sent_as_it_is() -> None:
    assert filled('{"a": "<time>"}') == '{"a": "<time>"}'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"job": "x", "occurrence": <time>}', {"job": "x", "occurrence": "2026-11-24T02:00:00Z"}),
        ('{"text": "at <time>!"}', {"text": "at 2026-11-24T02:00:00Z!"}),
        ('{"arn": <arn>, "none": <none>}', {"arn": "arn:rule", "none": ""}),
        ('{"rule": <aws.events.rule-name>}', {"rule": "nightly"}),
        (r'{"text": "a \" <time>"}', {"text": 'a " 2026-11-24T02:00:00Z'}),
        ('{"text": "<unknown>"}', {"text": "<unknown>"}),
        ('{"detail": <detail>}', {"detail": {}}),
    ],
)
def test_placeholders_are_filled(template: str, expected: Any) -> None:
    paths = {"time": "$.time", "arn": "$.resources[0]", "none": "$.detail.no[3]", "detail": "$.detail"}
    assert json.loads(filled(template, **paths)) == expected


def test_the_whole_event_can_be_asked_for() -> None:
    assert json.loads(filled("<aws.events.event.json>", time="$.time")) == EVENT
