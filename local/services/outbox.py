"""The outbox: each accepted message in a separate file."""

import email
import email.policy
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Mail:
    """`sender` and `recipients` are those of the envelope."""

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str | None:
        return _part(self.message, "plain")

    @property
    def html(self) -> str | None:
        return _part(self.message, "html")

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat().replace("+00:00", "Z"),
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
        }


class Outbox:
    """Files in `folder`, named by the time of receipt and so sorted by it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Save a message, with its envelope in two headers at the top. Returns its id."""
        moment = datetime.now(UTC)
        identifier = f"{moment:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        partial = self._folder / f"{identifier}.partial"
        partial.write_bytes(envelope.encode() + content)
        partial.rename(self._folder / f"{identifier}.eml")
        return identifier

    def all(self) -> list[Mail]:
        """Newest first."""
        return [_read(file) for file in sorted(self._folder.glob("*.eml"), reverse=True)]

    def get(self, identifier: str) -> Mail | None:
        file = next((file for file in self._folder.glob("*.eml") if file.stem == identifier), None)
        return _read(file) if file else None

    def clear(self) -> int:
        """Remove all messages. Returns their number."""
        files = list(self._folder.glob("*.eml"))
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)


def _read(file: Path) -> Mail:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    received_at = datetime.strptime(file.stem.split("-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    sender = str(message.get("X-Envelope-From", ""))
    recipients = tuple(
        part.strip() for part in str(message.get("X-Envelope-To", "")).split(",") if part.strip()
    )
    return Mail(id=file.stem, received_at=received_at, sender=sender, recipients=recipients, message=message)


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    content = part.get_content()
    return content.replace("\r\n", "\n") if isinstance(content, str) else None
