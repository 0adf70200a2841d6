"""Texts and answers at the limits of Slack, Teams and HTTP."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.testing.listening import listening
from notifier.deliver import post_message
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.formats import MAX_TEAMS_BYTES, format_for, format_slack, format_teams
from slowmatch.notifications.message import MessageContent
from slowmatch.notifications.sender import post
from tests.support.receiver import Receiver, receiving
from tests.unit.notify.test_message import AT, content

TEAMS = Destination("team", "teams", "https://teams.example.com")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    "name", ["x" * 300, "🔥" * 200, "x" + "🔥" * 200, "é" * 149], ids=["x", "🔥", "x🔥", "é"]
)
def test_a_header_is_cut_as_slack_counts(name: str) -> None:
    header = format_slack(content("alarm", alarm=name))["blocks"][0]["text"]["text"]
    assert 148 <= utf16_units(header) <= 150
    assert header.endswith("…") and "\ufffd" not in header


@pytest.mark.parametrize("text", ["", "  \n\t", "\u200b\u2060\ufeff", "\u00a0"])
def test_a_text_that_nobody_sees_is_left_out(text: str) -> None:
    blank = replace(content("failed"), text=text)
    assert [block["type"] for block in format_slack(blank)["blocks"]] == ["header", "section", "context"]
    assert len(format_teams(blank)["attachments"][0]["content"]["body"]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "🔥" * 8_000},
        {"text": "🔥" * 8_000},
        {"title": '"' * 20_000, "text": "\\" * 20_000},
        {"links": {"alarm": "https://aws.example.com/" + "x" * 40_000}, "title": "It is late"},
    ],
    ids=["title", "text", "escapes", "link"],
)
def test_a_card_is_shortened_to_what_teams_accepts(changes: dict[str, Any]) -> None:
    body, _ = format_for(TEAMS, replace(content("failed"), **changes), AT)
    assert len(body) <= MAX_TEAMS_BYTES
    said = json.loads(body)["attachments"][0]["content"]["body"][0]["inlines"][0]["text"]
    assert said[:5] == replace(content("failed"), **changes).title[:5]


def test_a_card_that_fits_is_not_shortened() -> None:
    body, _ = format_for(TEAMS, replace(content("failed"), text="x" * 7_000), AT)
    assert b"x" * 7_000 in body


def test_half_a_surrogate_pair_does_not_stop_a_message() -> None:
    for kind in ("slack", "teams", "webhook"):
        body, _ = format_for(
            Destination("ops", kind, "https://x"), replace(content("failed"), text="\ud83d"), AT
        )
        assert json.loads(body)


def slack(receiver: Receiver) -> Destination:
    return Destination("ops", "slack", receiver.url("/slack"))


def a_message() -> MessageContent:
    return replace(content("failed"), text="<!channel> *disk* is full")


def test_blocks_that_slack_rejects_are_sent_once_more_as_text(receiver: Receiver) -> None:
    receiver.answers["/slack"] = [(400, {}, b"invalid_blocks"), (200, {}, b"ok")]
    assert post_message(slack(receiver), a_message(), AT).is_success
    _, again = receiver.at("/slack")
    assert again.json["mrkdwn"] is False and "blocks" not in again.json
    title, error, *links, footer = again.json["text"].splitlines()
    assert title == "🔴 daily-summary failed after 11 attempts"
    assert error == "&lt;!channel&gt; *disk* is full"
    assert links == list(a_message().links.values()) and footer == "slowmatch · 2026-11-24 07:00 UTC"


def test_a_text_that_slack_rejects_too_is_given_up(receiver: Receiver) -> None:
    receiver.answer("/slack", 400, body=b"invalid_blocks")
    response = post_message(slack(receiver), a_message(), AT)
    assert not response.is_success and not response.is_temporary
    assert len(receiver.posts) == 2


@pytest.mark.parametrize("body", [b"invalid_payload", b"no_text"])
def test_another_rejection_is_not_answered(receiver: Receiver, body: bytes) -> None:
    receiver.answer("/slack", 400, body=body)
    post_message(slack(receiver), a_message(), AT)
    assert len(receiver.posts) == 1


class Endless(asyncio.Protocol):
    """Sends `start` and then `line` for as long as anybody listens."""

    start = b"HTTP/1.1 200 OK\r\n"
    line = b"X-More: and more\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.is_open = True
        transport.write(self.start)
        self.go_on()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open = False

    def go_on(self) -> None:
        if self.is_open:
            self.transport.write(self.line * 10)
            asyncio.get_running_loop().call_soon(self.go_on)

    def pause_writing(self) -> None:
        self.is_open = False


class OneEndlessHeader(Endless):
    start = b"HTTP/1.1 503 Busy\r\nX-More: "
    line = b"and more"


class EndlessContinue(Endless):
    start = b""
    line = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("receiver_type", "limit", "status", "said"),
    [
        (Endless, 30, 200, "HTTP 200, with headers that cannot be read"),
        (OneEndlessHeader, 30, 503, "HTTP 503, with headers that cannot be read"),
        (EndlessContinue, 0.5, 0, "no response within 0.5 seconds"),
    ],
)
def test_headers_that_never_end_leave_the_status(
    receiver_type: type[Endless], limit: float, status: int, said: str
) -> None:
    with listening(receiver_type) as port:
        answer = post(f"http://127.0.0.1:{port}/", b"{}", {}, limit)
    assert (answer.status, answer.description) == (status, said)
