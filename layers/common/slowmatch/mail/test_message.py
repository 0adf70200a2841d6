"""The test mail: whoever reads it knows that mail works, who sent it, and by which way it came."""

from datetime import UTC, datetime
from html import escape

from slowmatch.mail.config import Transport, message_from
from slowmatch.mail.message import Message, message_id
from slowmatch.mail.ses import Ses
from slowmatch.settings import Settings

SUBJECT = "Test mail: it works"
_LINES = (
    "This is a test mail, sent because somebody asked for one. That you read it says that mail works.",
    "It came through {way}, on {moment}, from {stack}.",
    "The daily summary goes the same way. There is nothing for you to do.",
)


def trial(settings: Settings, transport: Transport, recipient: str, run_id: str, now: datetime) -> Message:
    """The message for one recipient of the run `run_id`. Raises Refused as `message_from` does."""
    moment = f"{now.astimezone(UTC):%d %B %Y at %H:%M} UTC"
    lines = [line.format(way=way(transport), moment=moment, stack=settings.stack_name) for line in _LINES]
    return message_from(
        settings,
        recipient=recipient,
        subject=SUBJECT,
        text="".join(f"{line}\n\n" for line in lines) + f"Run {run_id}\n",
        html="".join(f"<p>{escape(line)}</p>\n" for line in lines) + f"<p>Run {run_id}</p>\n",
        message_id=message_id(settings.mail_sender or "", "send-test-mail", run_id, recipient),
        date=now,
    )


def way(transport: Transport) -> str:
    """Who takes the mail over, in words."""
    return "Amazon SES" if isinstance(transport, Ses) else f"{transport.host}, port {transport.port}"
