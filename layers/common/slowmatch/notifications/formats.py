"""What goes over the wire to each kind of destination: a body and its headers."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.message import Story
from slowmatch.notifications.routing import Notification

JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Slowmatch"}


@dataclass(frozen=True, slots=True)
class Message:
    """A notification with its words, for `stack`; `folded` as in the delivery."""

    told: Notification
    story: Story
    folded: int
    stack: str


def written(message: Message, to: Destination, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Body and headers as `to` takes them."""
    body = json.dumps(_BODIES[to.kind](message), ensure_ascii=False).encode()
    headers = JSON | {"Slowmatch-Event-Id": message.told.id}
    if to.key is None:
        return body, headers
    timestamp = str(int(now.timestamp()))
    return body, headers | {
        "Slowmatch-Timestamp": timestamp,
        "Slowmatch-Signature": f"sha256={signature(to.key, timestamp, body)}",
    }


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hexadecimal digits."""
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def slack(message: Message) -> dict[str, Any]:
    """Blocks of an incoming webhook: https://docs.slack.dev/reference/block-kit/blocks"""
    story = message.story
    title = f"{'✅' if story.good else '🔴'} {story.title}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title[:150], "emoji": True}}
    ]
    if story.text:
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": story.text}})
    if story.link:
        link = f"<{_escaped(story.link)}|{_escaped(story.link_title)}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    at = int(message.told.at.timestamp())
    when = f"<!date^{at}^{{date_short_pretty}} {{time}}|{message.told.at:%Y-%m-%d %H:%M} UTC>"
    words = f"{_escaped(message.stack)} · {when}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": words}]})
    return {"text": _escaped(title), "blocks": blocks}


def _escaped(text: str) -> str:
    """Slack's three: https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(message: Message) -> dict[str, Any]:
    """An adaptive card in the envelope of a Teams workflow ("when a webhook request is received")."""
    story = message.story
    colour = "Good" if story.good else "Attention"
    body: list[dict[str, Any]] = [_run(story.title, weight="Bolder", size="Medium", color=colour)]
    if story.text:
        body.append(_run(story.text))
    body.append(_run(f"{message.stack} · {message.told.at:%Y-%m-%d %H:%M} UTC", size="Small", isSubtle=True))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if story.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": story.link_title, "url": story.link}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **style: Any) -> dict[str, Any]:
    """Plain text: a TextBlock would read an error message as Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def webhook(message: Message) -> dict[str, Any]:
    """Everything that is known, for programs."""
    told, story = message.told, message.story
    return {
        "id": told.id,
        "event": told.event,
        "at": told.at.isoformat(),
        "stack": message.stack,
        "job": told.job,
        "run_id": told.run_id,
        "title": story.title,
        "text": story.text,
        "url": story.link,
        "count": max(message.folded, 1),
        "detail": told.detail,
    }


_BODIES: dict[str, Callable[[Message], dict[str, Any]]] = {"slack": slack, "teams": teams, "webhook": webhook}
