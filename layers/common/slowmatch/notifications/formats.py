"""Formats: how Slack, Teams and a plain webhook receive a message, and how it is signed."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.message import MessageContent


def format_for(
    destination: Destination, content: MessageContent, now: datetime
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of the POST to `destination`."""
    formats = {"slack": format_slack, "teams": format_teams, "webhook": format_webhook}
    body = json.dumps(formats[destination.kind](content), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Slowmatch",
        "Slowmatch-Event-Id": content.notification.id,
    }
    if destination.key is not None:
        timestamp = str(int(now.timestamp()))
        headers["Slowmatch-Timestamp"] = timestamp
        headers["Slowmatch-Signature"] = f"sha256={signature(destination.key, timestamp, body)}"
    return body, headers


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hexadecimal digits."""
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def format_slack(content: MessageContent) -> dict[str, Any]:
    """Blocks of an incoming webhook: https://docs.slack.dev/reference/block-kit/blocks"""
    title = f"{'✅' if content.is_good_news else '🔴'} {content.title}"
    header = {"type": "plain_text", "text": title[:150], "emoji": True}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if content.text:
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": content.text}})
    if content.link:
        link = f"<{_escape_slack(content.link)}|{_escape_slack(content.link_label)}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    at = content.notification.at
    local_time = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"
    footer = {"type": "mrkdwn", "text": f"{_escape_slack(content.stack)} · {local_time}"}
    blocks.append({"type": "context", "elements": [footer]})
    return {"text": _escape_slack(title), "blocks": blocks}


def _escape_slack(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_teams(content: MessageContent) -> dict[str, Any]:
    """An adaptive card in the envelope of a Teams workflow ("when a webhook request is received")."""
    color = "Good" if content.is_good_news else "Attention"
    title = _teams_text(content.title, weight="Bolder", size="Medium", color=color)
    text = [_teams_text(content.text)] if content.text else []
    footer = f"{content.stack} · {content.notification.at:%Y-%m-%d %H:%M} UTC"
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [title, *text, _teams_text(footer, size="Small", isSubtle=True)],
    }
    if content.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": content.link_label, "url": content.link}]
    content_type = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}],
    }


def _teams_text(text: str, **style: Any) -> dict[str, Any]:
    """Plain text: a TextBlock would read an error message as Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def format_webhook(content: MessageContent) -> dict[str, Any]:
    notification = content.notification
    return {
        "id": notification.id,
        "event": notification.event,
        "at": notification.at.isoformat(),
        "stack": content.stack,
        "job": notification.job,
        "run_id": notification.run_id,
        "title": content.title,
        "text": content.text,
        "url": content.link,
        "count": content.state.notifications,
        "sequence": notification.sequence,
        "state": content.state.state,
        "since": content.state.since.isoformat() if content.state.since else None,
        "detail": notification.detail,
    }
