"""SNS, SQS and the clock, played by a test, so that hours pass in seconds."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.aws import secrets, sqs
from slowmatch.notifications import publishing, queue
from slowmatch.notifications.sender import Response
from tests.conftest import LambdaContext
from tests.integration.notify.conftest import NotifierHarness

SECOND = timedelta(seconds=1)
TIMEOUT = timedelta(seconds=29)
"""The notifier's, in template.yaml."""


@dataclass
class PlayedServices(ABC):
    """What the notifier is connected to while `playing`. The messages that wait are `sns` and `sqs`."""

    harness: NotifierHarness
    destinations: list[dict[str, Any]]
    at: datetime = datetime(2026, 11, 24, tzinfo=UTC)
    sns: list[str] = field(default_factory=list)
    sqs: list[tuple[datetime, str]] = field(default_factory=list)
    sent: int = 0

    def publish(self, TopicArn: str, Message: str) -> None:  # noqa: N803
        self.sns.append(Message)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if QueueUrl.endswith(queue.QUEUE):
            self.sent += len(Entries)
            for entry in Entries:
                visible_at = self.at + timedelta(seconds=entry["DelaySeconds"])
                self.sqs.append((visible_at, entry["MessageBody"]))
        return {}

    @abstractmethod
    def post(self, url: str, body: bytes, headers: Any) -> Response:
        """The receiver's answer."""

    def change_alarm(self, name: str, state: str, message_id: str, at: datetime | None = None) -> None:
        message = {"AlarmName": name, "NewStateValue": state, "StateChangeTime": (at or self.at).isoformat()}
        self.harness.sns(json.dumps(message), message_id)

    def work(self) -> None:
        """Invoke the notifier with each message that is visible."""
        while self.sns:
            self.harness.sns(self.sns.pop(0), "any")
        while visible := [message for message in self.sqs if message[0] <= self.at]:
            self.sqs.remove(visible[0])
            self.invoke({"Records": [{"messageId": "m", "body": visible[0][1]}]})

    def invoke(self, event: Any) -> None:
        ends_at = self.at + TIMEOUT
        context = LambdaContext()
        context.get_remaining_time_in_millis = lambda: (ends_at - self.at) // timedelta(milliseconds=1)  # type: ignore[method-assign]
        self.harness.lambda_context = context
        answer = self.harness.invoke(event)
        assert answer.get("batchItemFailures", []) == [], (
            "an error of the notifier, or of the test's receivers"
        )
        assert self.at < ends_at, "Lambda would have ended it"

    def pass_time(self, **span: float) -> None:
        until = self.at + timedelta(**span)
        while self.at < until:
            self.work()
            self.at += SECOND

    def dispatch(self) -> int:
        publishing.publish_waiting(self.harness.con, self.at)
        return queue.send_waiting(self.harness.con, self.at)


@contextmanager
def playing(services: PlayedServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(secrets, "document", lambda _: services.destinations)
        patched.setattr(services.harness.con, "now", lambda: services.at)
        patched.setattr(sqs, "client", lambda: services)
        patched.setattr(publishing, "sns_client", lambda: services)
        patched.setattr("notifier.deliver.post", services.post)
        yield
