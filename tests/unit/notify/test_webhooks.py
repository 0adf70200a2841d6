"""How a webhook is signed, and that the receiver in the documentation accepts it and survives anything else."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.formats import format_for
from tests.unit.notify.test_message import AT, content

KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"o" * 64).decode()
OLD_FORM_KEY = "0123456789abcdef"
Headers = dict[str, str]


def posted(key: str, old_key: str | None = None, **changes: Any) -> tuple[bytes, Headers]:
    to = Destination("pager", "webhook", "https://pager.example.com", key, old_key=old_key, **changes)
    return format_for(to, content("failed"), AT)


@pytest.fixture
def is_genuine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """The function in docs/notifications.md, at the time of the message."""
    text = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(example, scope)
    monkeypatch.setattr(scope["time"], "time", AT.timestamp)
    function: Callable[..., bool] = scope["is_genuine"]
    return function


def test_the_signature_is_that_of_the_specification() -> None:
    body, headers = posted(KEY)
    assert headers["webhook-id"] == json.loads(body)["id"]
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert re.fullmatch("v1,[A-Za-z0-9+/]{43}=", headers["webhook-signature"])
    assert not [name for name in headers if name.startswith("Slowmatch-")]


def test_the_documented_receiver_accepts_both_keys_of_a_rotation(is_genuine: Callable[..., bool]) -> None:
    body, headers = posted(OTHER_KEY, KEY)
    assert is_genuine(headers, body, KEY) and is_genuine(headers, body, OTHER_KEY)
    assert len(headers["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "another"},
        {"webhook-id": None},
        {"webhook-id": "\ud83d"},
        {"webhook-timestamp": str(int(AT.timestamp()) + 1)},
        {"webhook-timestamp": str(int(AT.timestamp()) - 301)},
        {"webhook-timestamp": None},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 5_000},
        {"webhook-signature": None},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,%%%% v1,AA v1a,="},
        {"webhook-signature": "v1,ä"},
        {"webhook-signature": "v1,\ud83d"},
    ],
    ids=str,
)
def test_the_documented_receiver_rejects_rubbish_without_failing(
    changes: dict[str, str | None], is_genuine: Callable[..., bool]
) -> None:
    body, headers = posted(KEY)
    assert is_genuine(headers, body, KEY)
    changed = {name: value for name, value in (headers | changes).items() if value is not None}
    assert is_genuine(changed, body, KEY) is False


def test_the_documented_receiver_rejects_another_body_and_another_key(
    is_genuine: Callable[..., bool],
) -> None:
    body, headers = posted(KEY)
    assert not is_genuine(headers, body + b" ", KEY)
    assert not is_genuine(headers, body, OTHER_KEY)


def test_a_key_of_the_old_form_signs_in_the_old_form() -> None:
    body, headers = posted(OLD_FORM_KEY)
    assert headers["Slowmatch-Event-Id"] == json.loads(body)["id"]
    assert headers["Slowmatch-Timestamp"] == str(int(AT.timestamp()))
    assert re.fullmatch("sha256=[0-9a-f]{64}", headers["Slowmatch-Signature"])
    assert "webhook-signature" not in headers


def test_a_change_from_the_old_form_sends_both(is_genuine: Callable[..., bool]) -> None:
    body, headers = posted(KEY, OLD_FORM_KEY)
    assert headers["Slowmatch-Signature"] == posted(OLD_FORM_KEY)[1]["Slowmatch-Signature"]
    assert is_genuine(headers, body, KEY)


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_only_a_webhook_is_signed(kind: str) -> None:
    _, headers = format_for(Destination("ops", kind, "https://x.example.com"), content("failed"), AT)
    assert headers.keys() == {"Content-Type", "User-Agent"}


def test_a_cloudevent_has_the_message_as_its_data(is_genuine: Callable[..., bool]) -> None:
    body, headers = posted(KEY, format="cloudevents")
    plain, _ = posted(KEY)
    event = json.loads(body)
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert event.pop("data") == json.loads(plain)
    assert datetime.fromisoformat(event.pop("time")) == AT.astimezone(UTC)
    assert event == {
        "specversion": "1.0",
        "id": headers["webhook-id"],
        "source": "/slowmatch/slowmatch",
        "type": "slowmatch.failed",
        "subject": "daily-summary",
        "datacontenttype": "application/json",
    }
    assert is_genuine(headers, body, KEY)
