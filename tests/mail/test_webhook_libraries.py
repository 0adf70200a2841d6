"""The reference libraries of Standard Webhooks and CloudEvents accept what is sent, and nothing else."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from slowmatch.notifications.destinations import EVENTS, Destination
from slowmatch.notifications.formats import format_for
from tests.mail.conftest import ask
from tests.unit.notify.test_message import content

KEY = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(bytes(range(64))).decode()

pytestmark = pytest.mark.parametrize(
    "program", ["reference.py", "reference.cjs"], ids=["Python", "JavaScript"]
)


def posted(event: str, format: str = "slowmatch") -> dict[str, Any]:  # noqa: A002 - the destination's key
    """A message signed with both keys, and the first key."""
    to = Destination("pager", "webhook", "https://x.example.com", KEY, old_key=OTHER_KEY, format=format)
    body, headers = format_for(to, content(event), datetime.now(UTC))
    return {"body": body.decode(), "headers": headers, "key": KEY}


def test_every_message_is_accepted_with_either_key(program: str) -> None:
    posts = [posted(event) | {"key": key} for event in EVENTS for key in (KEY, OTHER_KEY)]
    assert ask(program, posts) == [{"message": json.loads(post["body"])} for post in posts]


def test_what_was_changed_on_the_way_is_refused(program: str) -> None:
    post = posted("failed")
    timestamp = int(post["headers"]["webhook-timestamp"])
    changed = [
        post | {"key": "whsec_" + base64.b64encode(b"x" * 24).decode()},
        post | {"body": post["body"] + " "},
        post | {"headers": post["headers"] | {"webhook-id": "another"}},
        post | {"headers": post["headers"] | {"webhook-timestamp": str(timestamp + 1)}},
        post | {"headers": post["headers"] | {"webhook-timestamp": str(timestamp - 600)}},
    ]
    assert ["refused" in answer for answer in ask(program, changed)] == [True] * len(changed)


def test_every_cloudevent_is_valid(program: str) -> None:
    posts = [posted(event, "cloudevents") for event in EVENTS]
    for answer, post in zip(ask(program, posts), posts, strict=True):
        sent = json.loads(post["body"])
        assert answer["message"] == sent["data"]
        for name in ("specversion", "id", "source", "type", "subject", "datacontenttype"):
            assert answer["attributes"][name] == sent[name]
