"""What Slack, Teams and programs get to read."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from slowmatch.notifications.destinations import EVENTS
from slowmatch.notifications.formats import format_slack, format_teams, format_webhook
from slowmatch.notifications.message import MessageContent, Notification, SeriesState, compose

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


STATES = {"failed": "failing", "recovered": "works", "alarm": "ALARM"}


def content(
    event: str, console: str | None = CONSOLE, state: dict[str, Any] | None = None, **detail: Any
) -> MessageContent:
    notification = Notification(
        id="5b0e6c1e-3f6f-4c1a-9d64-2f1f2a7f0c55",
        at=AT,
        event=event,
        job=None if event == "alarm" else "daily-summary",
        run_id=RUN if event in ("failed", "recovered") else None,
        detail=DETAILS[event] | detail,
    )
    known: dict[str, Any] = {"state": STATES.get(event, event), "since": AT, "first_at": AT} | (state or {})
    return compose(notification, SeriesState(**known), console_url=console, stack="slowmatch")


def test_a_missed_run_names_the_schedule_that_was_made_at_run_time() -> None:
    title = content("missed", schedule="every-morning").title
    assert title == "daily-summary missed its run of schedule every-morning at 2026-11-24 02:00 UTC"


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_title_and_a_link(event: str) -> None:
    said = content(event)
    assert said.title == TITLES[event]
    links = {
        "failed": f"{CONSOLE}/dashboard/failing#daily-summary",
        "recovered": f"{CONSOLE}/runs/{RUN}",
        "alarm": "https://aws",
    }
    assert said.link == links.get(event, f"{CONSOLE}/jobs/daily-summary")


def digest(event: str, **state: Any) -> tuple[str, str]:
    said = content(event, state={"notifications": 15} | state)
    return said.title, said.text


def test_a_digest_of_failures_says_what_is_true_and_since_when() -> None:
    flapped = {"failed": 8, "recovered": 7, "last_error": "OSError: disk full"}
    title, text = digest("failed", **flapped)
    assert title == (
        "daily-summary is failing: it has failed 8 times and recovered 7 times since 2026-11-24 07:00 UTC"
    )
    assert text == "It has been failing since 2026-11-24 07:00 UTC.\nThe last error: OSError: disk full"
    title, text = digest("recovered", state="works", failed=1, recovered=1)
    assert (
        title == "daily-summary works again: it has failed once and recovered once since 2026-11-24 07:00 UTC"
    )
    assert text == "It has worked since 2026-11-24 07:00 UTC."


def test_other_digests_say_how_often_it_happened() -> None:
    assert digest("missed") == (
        "daily-summary missed 15 scheduled runs",
        "First noticed at 2026-11-24 07:00 UTC. The latest was due at 2026-11-24 02:00 UTC.",
    )
    assert digest("alarm") == (
        "slowmatch-5xx: in alarm",
        "It has been reported 15 times since 2026-11-24 07:00 UTC.\nErrors\n7 > 5",
    )
    assert digest("alarm", changed=True)[1].startswith("Its state has changed 15 times since")
    assert digest("dead_letters", dead_letters=4)[0] == "daily-summary has 4 dead letters"


def test_good_news_is_what_is_good_now() -> None:
    assert content("failed", state={"state": "works", "failed": 1, "changed": True}).is_good_news
    assert not content("recovered", state={"state": "failing", "failed": 1, "changed": True}).is_good_news
    assert content("dead_letters", state={"dead_letters": 0}).is_good_news
    assert content("alarm", state={"state": "OK"}).is_good_news


def test_a_job_that_is_failing_says_so_with_its_next_try() -> None:
    retried: dict[str, Any] = {"failures": 3, "next_at": "2026-11-24T08:40:00+00:00"}
    said = content("failed", error="x" * 600, **retried)
    assert said.title == "daily-summary is failing: 3 attempts failed in a row"
    assert said.text.endswith("…\nNext retry at 2026-11-24 08:40 UTC.")
    assert content("failed", failures=1).title == "daily-summary is failing: an attempt failed"
    assert "Next retry" not in content("failed", failures=1).text


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
    assert len(marked) == 1 and re.fullmatch(r"<https://[^|]+\|(Open the \w+|See what fails)>", marked[0])
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
