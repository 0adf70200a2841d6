"""The notifier with a topic and a queue in moto, whose messages the test carries, and a real receiver."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest

from dispatcher import app as dispatcher
from notifier.app import handler
from slowmatch.db import Connection
from slowmatch.jobs import Permanent
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.worker.invocation import AttemptFailed, Invocation
from slowmatch.settings import settings
from tests.conftest import STACK
from tests.support import queues
from tests.support.receiver import Receiver, receiving

KEY = "a key of sixteen or more"
NOTIFY, TOPIC = f"{STACK}-notify", f"{STACK}-topic"


@dataclass
class NotifierHarness:
    """SNS, SQS and the clock between the jobs and the receiver, each moved by the test."""

    con: Connection
    receiver: Receiver
    lambda_context: Any
    secret_arn: str
    topic_arn: str
    sns_messages: int = 0

    def set_destinations(self, *destinations: Any) -> None:
        """Write the list into the secret."""
        text = json.dumps(list(destinations))
        boto3.client("secretsmanager").put_secret_value(SecretId=self.secret_arn, SecretString=text)

    def webhook(self, name: str = "hook", **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": "webhook", "url": self.receiver.url(f"/{name}"), "key": KEY, **more}

    def invoke(self, event: Any) -> Any:
        return handler(event, self.lambda_context)

    def published(self) -> list[str]:
        """What SNS has for the notifier, from a queue that is subscribed to the topic."""
        return queues.take(TOPIC)

    def route(self, *messages: str) -> None:
        for message in messages or self.published():
            self.sns_messages += 1
            self.sns(message, f"message-{self.sns_messages}")

    def sns(self, message: str, message_id: str) -> Any:
        return self.invoke({"Records": [{"Sns": {"MessageId": message_id, "Message": message}}]})

    def visible_messages(self) -> list[str]:
        """The messages that are visible in the notifier's queue now."""
        return queues.take(NOTIFY)

    def deliver(self, *bodies: str) -> list[str]:
        """Deliver messages; the ids of those that SQS has to keep."""
        records = [
            {"messageId": str(number), "body": body}
            for number, body in enumerate(bodies or self.visible_messages())
        ]
        if not records:
            return []
        return [failed["itemIdentifier"] for failed in self.invoke({"Records": records})["batchItemFailures"]]

    def run(
        self, error: str | None = None, job: str = "record-expiry", *, kind: type[Exception] = Permanent
    ) -> None:
        """One run of a job, which succeeds, or fails with `error`; for good, unless that is of another `kind`."""

        def work(context: Any) -> None:
            if error is not None:
                raise kind(error)

        invocation = Invocation(self.con, JOBS[job], work, settings={}, lambda_context=self.lambda_context)
        with nullcontext() if error is None else pytest.raises(AttemptFailed):
            invocation.run({})

    def process_all(self) -> None:
        """Route and deliver everything that is published."""
        self.route()
        self.deliver()

    def fail_runs(self, count: int = 1) -> None:
        """Fail that many runs, and route and deliver their notifications."""
        for number in range(count):
            self.run(f"error {number}")
        self.process_all()

    def route_failure(self) -> None:
        """Fail a run, and route its notification."""
        self.run("error")
        self.route()

    def end_rests(self) -> None:
        """Make all that is waiting due, and end every rest."""
        self.con.query(
            "UPDATE notification_delivery SET due_at = now() - interval '1 second' WHERE state = 'waiting'"
        )
        self.con.query("UPDATE notification_destination SET rests_until = NULL, busy_until = NULL")

    def advance(self, **span: int) -> None:
        """Let this time pass for what waits and for what was told, and deliver what is due then."""
        by = timedelta(**span)
        self.con.query(
            "UPDATE notification_delivery SET due_at = due_at - :by::interval, message_at = NULL", by=by
        )
        self.con.query(
            """
            UPDATE notification_series
            SET told_at = told_at - :by::interval, counted_since = counted_since - :by::interval
            """,
            by=by,
        )
        self.dispatch()
        self.process_all()

    def fail_one_a_minute(self, count: int, error: str = "error") -> None:
        for number in range(count):
            self.run(f"{error} {number}")
            self.process_all()
            self.advance(minutes=1)

    def titles(self, path: str = "/hook") -> list[str]:
        return [post.json["title"] for post in self.receiver.at(path)]

    def attempt_all(self) -> None:
        """Deliver everything that waits for the destination hook."""
        rows = self.con.query(
            "SELECT notification_id::text FROM notification_delivery WHERE state = 'waiting'"
        )
        self.deliver(*(json.dumps({"notification": row[0], "destination": "hook"}) for row in rows))

    def delayed(self) -> int:
        return queues.get(NOTIFY).approximate_number_of_messages_delayed

    def dispatch(self) -> None:
        dispatcher.handler({}, self.lambda_context)

    def deliveries(self) -> list[list[Any]]:
        return self.con.query(
            "SELECT destination, state, attempts, answer FROM notification_delivery ORDER BY due_at, destination"
        )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def notifier(
    con: Connection, receiver: Receiver, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NotifierHarness]:
    """With one destination, the webhook called hook."""
    topics, secrets = boto3.client("sns"), boto3.client("secretsmanager")
    queues.create((*(f"{STACK}-{name}" for job in JOBS for name in (job, f"{job}-dead")), NOTIFY, TOPIC))
    topic_arn = topics.create_topic(Name=NOTIFY)["TopicArn"]
    unsigned = {"RawMessageDelivery": "true"}  # to make a key for signatures takes long
    topics.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queues.get(TOPIC).queue_arn, Attributes=unsigned
    )
    secret = secrets.create_secret(Name="notify", SecretString="[]")["ARN"]
    monkeypatch.setenv("NOTIFY_TOPIC_ARN", topic_arn)
    monkeypatch.setenv("NOTIFY_SECRET_ARN", secret)
    monkeypatch.setenv("CONSOLE_URL", "https://console.example.com")
    settings.cache_clear()
    harness = NotifierHarness(
        con=con,
        receiver=receiver,
        lambda_context=lambda_context,
        secret_arn=secret,
        topic_arn=topic_arn,
    )
    harness.set_destinations(harness.webhook())
    yield harness
    topics.delete_topic(TopicArn=topic_arn)
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    settings.cache_clear()
