"""Receivers that answer as Slack, Teams and gateways do, and what somebody who reads only one of them knows."""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slowmatch.notifications.sender import Response
from slowmatch.notifications.webhook_signature import signature_headers

KEY = "whsec_" + "A" * 32


@dataclass
class Channel(ABC):
    """`broken` has by job and alarm since when the last message says that it is broken; None if it works.

    An answer `takes` that long. With a `status` of its own the receiver refuses everything.
    """

    takes: timedelta = timedelta(0)
    status: int | None = None
    broken: dict[str, datetime | None] = field(default_factory=dict)

    def receive(self, body: bytes, headers: dict[str, str]) -> Response:
        status, answer = (self.status, "") if self.status else self.take(body, headers)
        return Response(status, f"HTTP {status}{answer and f': {answer}'}")

    @abstractmethod
    def take(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Read the message. The status and the text of the answer."""

    def read(self, title: str, text: str, at: datetime) -> None:
        """What a person understands."""
        if alarm := re.fullmatch(r"(.+): (in alarm|OK|insufficient data)", title):
            self.broken[alarm[1]] = at if alarm[2] == "in alarm" else None
            return
        since = re.search(r"It has (been failing|worked) since (.{16}) UTC", text)
        assert since, text
        is_failing = since[1] == "been failing"
        assert is_failing != (" works again" in title), title
        self.broken[title.split()[0]] = datetime.fromisoformat(f"{since[2]}+00:00") if is_failing else None


class Slack(Channel):
    def take(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        header, *sections, context = json.loads(body)["blocks"]
        texts = [block["text"]["text"] for block in sections]
        if len(header["text"]["text"]) > 150 or any(not text or len(text) > 3_000 for text in texts):
            return 400, "invalid_blocks"
        moment = re.search(r"<!date\^(\d+)\^", context["elements"][0]["text"])
        assert moment
        at = datetime.fromtimestamp(int(moment[1]), UTC)
        self.read(header["text"]["text"].partition(" ")[2], "".join(texts), at)
        return 200, "ok"


class Teams(Channel):
    def take(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        if len(body) > 28_000:
            return 413, "RequestEntityTooLarge"
        card = json.loads(body)["attachments"][0]["content"]
        title, *text, footer = [block["inlines"][0]["text"] for block in card["body"]]
        at = datetime.strptime(footer[-20:], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
        self.read(title, "".join(text), at)
        return 202, ""


@dataclass
class Gateway(Channel):
    """A program that trusts only the signature and the JSON."""

    sequences: dict[str, int] = field(default_factory=dict)

    def take(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        message: dict[str, Any] = json.loads(body)
        timestamp = int(headers["webhook-timestamp"])
        if not signature_headers([KEY], message["id"], timestamp, body).items() <= headers.items():
            return 401, "invalid signature"
        if "test" not in message:
            subject = message["detail"].get("alarm") or message["job"]
            assert message["sequence"] > self.sequences.get(subject, 0), "a later message has a later state"
            self.sequences[subject] = message["sequence"]
            is_broken = message["state"] in ("failing", "ALARM")
            self.broken[subject] = datetime.fromisoformat(message["since"]) if is_broken else None
        return 204, ""
