"""Formats: how Slack, Teams and a webhook receive a message."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.message import LINK_LABELS, MessageContent
from slowmatch.notifications.webhook_signature import signature_headers

MAX_SLACK_HEADER = 150
MAX_SLACK_TEXT = 3_000
"""In UTF-16 code units, as Slack counts: https://docs.slack.dev/reference/block-kit/blocks"""
MAX_TEAMS_BYTES = 28_000
"""Teams rejects larger messages.

https://learn.microsoft.com/en-us/microsoftteams/platform/bots/how-to/format-your-bot-messages
"""


def format_for(
    destination: Destination, content: MessageContent, now: datetime, *, plain_text: bool = False
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of the POST to `destination`. `plain_text` is for Slack, without blocks."""
    content_type = "application/json"
    match destination.kind:
        case "slack":
            body = _encode(format_slack_text(content) if plain_text else format_slack(content))
        case "teams":
            body = _teams_body(content)
        case _ if destination.format == "cloudevents":
            body, content_type = _encode(format_cloudevent(content)), "application/cloudevents+json"
        case _:
            body = _encode(format_webhook(content))
    headers = {"Content-Type": f"{content_type}; charset=utf-8", "User-Agent": "Slowmatch"}
    timestamp = int(now.timestamp())
    return body, headers | signature_headers(destination.keys, content.notification.id, timestamp, body)


def _encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, default=datetime.isoformat).encode("utf-8", "replace")


def shorten(text: str, units: int) -> str:
    """The beginning of the text, with at most so many UTF-16 code units."""
    encoded = text.encode("utf-16-le", "replace")
    return text if len(encoded) <= 2 * units else encoded[: 2 * units - 2].decode("utf-16-le", "ignore") + "…"


def is_blank(text: str) -> bool:
    """Whether nobody would see anything: spaces, and characters without a width."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def format_slack(content: MessageContent) -> dict[str, Any]:
    """Blocks of an incoming webhook: https://docs.slack.dev/reference/block-kit/blocks"""
    title = _slack_title(content)
    header = {"type": "plain_text", "text": shorten(title, MAX_SLACK_HEADER), "emoji": True}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if not is_blank(content.text):
        text = {"type": "plain_text", "text": shorten(content.text, MAX_SLACK_TEXT)}
        blocks.append({"type": "section", "text": text})
    if content.links:
        links = " · ".join(
            f"<{_escape_slack(url)}|{LINK_LABELS[page]}>" for page, url in content.links.items()
        )
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": links}})
    at = content.notification.at
    local_time = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"
    footer = {"type": "mrkdwn", "text": f"{_escape_slack(content.stack)} · {local_time}"}
    blocks.append({"type": "context", "elements": [footer]})
    return {"text": _escape_slack(shorten(title, MAX_SLACK_TEXT)), "blocks": blocks}


def format_slack_text(content: MessageContent) -> dict[str, Any]:
    """The same without blocks, for when Slack rejects them."""
    at = f"{content.stack} · {content.notification.at:%Y-%m-%d %H:%M} UTC"
    lines = (_slack_title(content), content.text, *content.links.values(), at)
    text = "\n".join(shorten(line, MAX_SLACK_TEXT) for line in lines if not is_blank(line))
    return {"text": _escape_slack(text), "mrkdwn": False}


def _slack_title(content: MessageContent) -> str:
    return f"{'✅' if content.state.is_good else '🔴'} {content.title}"


def _escape_slack(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams_body(content: MessageContent) -> bytes:
    """The card, with as much of the texts as Teams accepts, and if need be without the links."""
    bodies = [
        _encode(format_teams(replace(content, title=shorten(content.title, most), text=text, links=links)))
        for most, links in ((8_000, content.links), (2_000, content.links), (500, content.links), (500, {}))
        for text in [shorten(content.text, most)]
    ]
    return next((body for body in bodies if len(body) <= MAX_TEAMS_BYTES), bodies[-1])


def format_teams(content: MessageContent) -> dict[str, Any]:
    """An adaptive card in the envelope of a Teams workflow ("when a webhook request is received")."""
    color = "Good" if content.state.is_good else "Attention"
    title = _teams_text(content.title, weight="Bolder", size="Medium", color=color)
    text = [] if is_blank(content.text) else [_teams_text(content.text)]
    footer = f"{content.stack} · {content.notification.at:%Y-%m-%d %H:%M} UTC"
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [title, *text, _teams_text(footer, size="Small", isSubtle=True)],
    }
    if content.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": LINK_LABELS[page], "url": url}
            for page, url in content.links.items()
        ]
    content_type = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}],
    }


def _teams_text(text: str, **style: Any) -> dict[str, Any]:
    """Plain text: a TextBlock would read an error message as Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def format_webhook(content: MessageContent) -> dict[str, Any]:
    notification, state = content.notification, content.state
    return {
        "id": notification.id,
        "event": notification.event,
        "at": notification.at,
        "stack": content.stack,
        "job": notification.job,
        "run_id": notification.run_id,
        "title": content.title,
        "text": content.text,
        "url": next(iter(content.links.values()), None),
        "links": content.links,
        "count": state.notifications,
        "sequence": notification.sequence,
        "state": state.state,
        "since": state.since,
        "run": asdict(state.run) if state.run else None,
        "detail": notification.detail,
        **({"test": True} if notification.detail.get("test") is True else {}),
    }


def format_cloudevent(content: MessageContent) -> dict[str, Any]:
    """A CloudEvent in structured mode: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md"""
    notification = content.notification
    return {
        "specversion": "1.0",
        "id": notification.id,
        "source": f"/slowmatch/{quote(content.stack, safe='')}",
        "type": f"slowmatch.{notification.event}",
        "time": notification.at,
        **({"subject": notification.subject} if notification.subject else {}),
        "datacontenttype": "application/json",
        "data": format_webhook(content),
    }
