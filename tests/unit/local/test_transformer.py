import json
from datetime import UTC, datetime

import pytest

from local.event_sources import input_transformer
from local.template.model import Target

EVENT = input_transformer.scheduled_event("arn:rule", "id-1", datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
EVENT["detail"] = {"name": 'say "hi"', "sizes": [1, 2]}


def filled(template: str, **paths: str) -> str:
    return input_transformer.target_input(
        EVENT, Target("arn:queue", template, tuple(paths.items())), "nightly"
    )


def test_a_schedule_sends_eventbridges_event() -> None:
    assert EVENT["detail-type"] == "Scheduled Event"
    assert EVENT["source"] == "aws.events"
    assert EVENT["time"] == "2026-03-01T02:00:00Z"
    assert EVENT["resources"] == ["arn:rule"]


def test_a_target_without_input_gets_the_event() -> None:
    assert json.loads(input_transformer.target_input(EVENT, Target("arn:f", None, None), "nightly")) == EVENT


def test_a_constant_input_is_sent_as_it_is() -> None:
    assert (
        input_transformer.target_input(EVENT, Target("arn:f", '{"a": <b>}', None), "nightly") == '{"a": <b>}'
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"job": "x", "occurrence": <time>}', '{"job": "x", "occurrence": "2026-03-01T02:00:00Z"}'),
        ('{"text": "at <time>!"}', '{"text": "at 2026-03-01T02:00:00Z!"}'),
        ('{"name": <name>, "quoted": "<name>"}', '{"name": "say \\"hi\\"", "quoted": "say \\"hi\\""}'),
        ('{"second": <second>, "all": <sizes>}', '{"second": 2, "all": [1, 2]}'),
        ('{"rule": <arn>}', '{"rule": "arn:rule"}'),
        ('{"gone": <gone>}', '{"gone": ""}'),
        ('{"unknown": "<unknown>"}', '{"unknown": "<unknown>"}'),
        ('{"rule": <aws.events.rule-name>}', '{"rule": "nightly"}'),
        ('"escaped \\" <time>"', '"escaped \\" 2026-03-01T02:00:00Z"'),
    ],
)
def test_placeholders_are_filled_as_eventbridge_does(template: str, expected: str) -> None:
    paths = {
        "time": "$.time",
        "name": "$.detail.name",
        "sizes": "$.detail.sizes",
        "second": "$.detail.sizes[1]",
        "arn": "$.resources[0]",
        "gone": "$.detail.gone.deeper",
    }
    assert filled(template, **paths) == expected


def test_the_whole_event_can_be_a_value() -> None:
    assert json.loads(filled('{"event": <aws.events.event.json>}')) == {"event": EVENT}
