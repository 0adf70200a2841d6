"""A notification, what its message says, and how Slack, Teams and a plain webhook receive it."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from slowmatch.notifications.destinations import Destination
from slowmatch.text import clean

MAX_TEXT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Notification:
    """One row of `notification`."""

    id: str
    at: datetime
    event: str
    job: str | None
    run_id: str | None
    detail: dict[str, Any]

    @property
    def subject(self) -> str:
        """The job, or the alarm without one. Repetitions are counted for each event and subject."""
        return self.job or str(self.detail.get("alarm", ""))


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What a message about `notification` says. `text` may be empty; `link` leads to the run, job or alarm.

    `digested` above 1 is how many notifications of the same event and subject it stands for.
    """

    notification: Notification
    title: str
    text: str
    link: str | None
    link_label: str
    stack: str
    digested: int

    @property
    def is_good_news(self) -> bool:
        return self.notification.event == "recovered" or self.notification.detail.get("state") == "OK"


def compose(
    notification: Notification, digested: int, *, console_url: str | None, stack: str
) -> MessageContent:
    title, text = _title_and_text(notification)
    if digested > 1:
        title = f"{digested:,} more within an hour: {title}"
        text = f"The first one: {text}" if text else ""
    link, link_label = _link(notification, console_url)
    text = clean(text, MAX_TEXT_CHARACTERS)
    return MessageContent(notification, title, text, link, link_label, stack, digested)


def _title_and_text(notification: Notification) -> tuple[str, str]:
    job, detail = notification.job, notification.detail
    match notification.event:
        case "failed":
            attempts = detail.get("attempt", 1)
            when = "on the first attempt" if attempts == 1 else f"after {attempts} attempts"
            return f"{job} failed {when}", str(detail.get("error", ""))
        case "recovered":
            return f"{job} works again", f"It last failed at {_minute(detail.get('failed_at'))}."
        case "missed":
            title = f"{job} missed its run at {_minute(detail.get('occurrence'))}"
            return title, "No run was created for this scheduled time."
        case "dead_letters":
            number = detail.get("count", 0)
            letters = "1 dead letter" if number == 1 else f"{number:,} dead letters"
            text = "Messages that its function could not process are in its dead-letter queue."
            return f"{job} has {letters}", text
        case _:
            state = {"ALARM": "in alarm", "OK": "OK"}.get(detail.get("state", ""), "insufficient data")
            parts = (str(detail.get(key) or "") for key in ("description", "reason"))
            return f"{detail.get('alarm')}: {state}", "\n".join(filter(None, parts))


def _minute(text: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return "an unknown time"


def _link(notification: Notification, console_url: str | None) -> tuple[str | None, str]:
    if notification.event == "alarm":
        return notification.detail.get("url"), "Open the alarm"
    if console_url is None:
        return None, ""
    if notification.run_id is not None:
        return f"{console_url}/runs/{notification.run_id}", "Open the run"
    return f"{console_url}/jobs/{quote(notification.job or '', safe='')}", "Open the job"


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
        "count": max(content.digested, 1),
        "detail": notification.detail,
    }
