"""What Slack, Teams and programs get to read."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from slowmatch.notifications.destinations import EVENTS
from slowmatch.notifications.formats import format_slack, format_teams, format_webhook
from slowmatch.notifications.message import MessageContent, Notification, compose

AT = datetime(2026, 11, 24, 7, 0, 3, tzinfo=UTC)
RUN = "01a20d25-5d63-70c1-974e-f133c2d38726"
CONSOLE = "https://console.example.com"
DETAILS: dict[str, dict[str, Any]] = {
    "failed": {
        "error": "OSError: <b>disk</b> & *tape* [x](http://evil.example.com) <!channel>",
        "attempt": 11,
    },
    "recovered": {"failed_at": "2026-11-24T06:00:00+00:00", "failed_run_id": RUN},
    "missed": {"occurrence": "2026-11-24T02:00:00+00:00"},
    "dead_letters": {"count": 2},
    "alarm": {
        "alarm": "slowmatch-5xx",
        "state": "ALARM",
        "description": "Errors",
        "reason": "7 > 5",
        "url": "https://aws",
    },
}
TITLES = {
    "failed": "daily-summary failed after 11 attempts",
    "recovered": "daily-summary works again",
    "missed": "daily-summary missed its run at 2026-11-24 02:00 UTC",
    "dead_letters": "daily-summary has 2 dead letters",
    "alarm": "slowmatch-5xx: in alarm",
}


def content(event: str, digested: int = 0, console: str | None = CONSOLE, **detail: Any) -> MessageContent:
    notification = Notification(
        id="5b0e6c1e-3f6f-4c1a-9d64-2f1f2a7f0c55",
        at=AT,
        event=event,
        job=None if event == "alarm" else "daily-summary",
        run_id=RUN if event in ("failed", "recovered") else None,
        detail=DETAILS[event] | detail,
    )
    return compose(notification, digested, console_url=console, stack="slowmatch")


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_title_and_a_link(event: str) -> None:
    said = content(event)
    assert said.title == TITLES[event]
    links = {"failed": f"{CONSOLE}/runs/{RUN}", "recovered": f"{CONSOLE}/runs/{RUN}", "alarm": "https://aws"}
    assert said.link == links.get(event, f"{CONSOLE}/jobs/daily-summary")


def test_a_count_says_how_many_more() -> None:
    assert content("failed", digested=97).title == f"97 more within an hour: {TITLES['failed']}"
    assert content("failed", digested=1).title == TITLES["failed"]


def test_one_is_no_plural() -> None:
    assert content("failed", attempt=1).title == "daily-summary failed on the first attempt"
    assert content("failed", attempt=2).title == "daily-summary failed after 2 attempts"
    assert content("dead_letters", count=1).title == "daily-summary has 1 dead letter"


@pytest.mark.parametrize("event", EVENTS)
def test_slack_s_blocks_keep_its_limits_and_call_nobody(event: str) -> None:
    body = format_slack(content(event, error="<!channel> " + "x" * 5000))
    header, *others, _context = body["blocks"]
    assert header["text"]["type"] == "plain_text" and len(header["text"]["text"]) <= 150
    assert all(len(block["text"]["text"]) <= 3000 for block in others)
    marked = [block["text"]["text"] for block in others if block["text"]["type"] == "mrkdwn"]
    assert len(marked) == 1 and re.fullmatch(r"<https://[^|]+\|Open the \w+>", marked[0])
    assert "<!channel>" not in body["text"] + "".join(marked)


def test_nothing_that_slack_reads_as_marks_calls_the_whole_channel() -> None:
    call = "<!channel> & "
    said = content("alarm", alarm=call + "x" * 150, url=f"https://aws/{call}")
    body = format_slack(replace(said, stack=call))
    (header, _, link, context) = body["blocks"]
    assert len(header["text"]["text"]) == 149  # the first character counts twice
    for text in (body["text"], link["text"]["text"], context["elements"][0]["text"]):
        assert "&lt;!channel&gt; &amp; " in text and "<!channel>" not in text


@pytest.mark.parametrize("event", EVENTS)
def test_teams_gets_a_card_without_markdown(event: str) -> None:
    body = format_teams(content(event))
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"][0]["text"] == TITLES[event]
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]


def test_without_a_console_s_address_there_is_no_link() -> None:
    said = content("failed", console=None)
    assert format_webhook(said)["url"] is None
    assert "actions" not in format_teams(said)["attachments"][0]["content"]
    assert all("mrkdwn" not in json.dumps(block) for block in format_slack(said)["blocks"][:-1])
