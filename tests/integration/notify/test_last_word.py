"""The last message on a channel is never wrong: random histories, played to receivers that fail in every way.

Messages of SNS and SQS arrive in any order, twice or not at all; runs end while a message is being sent; receivers
refuse, fail, or take a message and do not answer. Whatever happens, a message says what is true when it is sent. Once
everything works again, the last message about each job and each alarm is true, and stays so at every minute.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from slowmatch.notifications.destinations import EVENTS
from slowmatch.notifications.sender import NO_RESPONSE, Response
from tests.integration.notify.conftest import NotifierHarness
from tests.integration.notify.played import PlayedServices, playing

JOBS = ("record-expiry", "db-cleanup")
ALARMS = ("api-errors", "throttles")
DESTINATIONS = {"steady": EVENTS, "shaky": EVENTS, "pager": ("failed",)}
STATUSES = (200, 200, 200, 503, 500, 429, NO_RESPONSE, NO_RESPONSE, 400, 401, 404)
STEPS = 120
MINUTES = 45
LATE = timedelta(minutes=2)
"""The documented minute, and the time that the messages before it take."""
LATE_AFTER_FAILURES = timedelta(minutes=30)
"""Messages that were lost, and receivers that rest."""
INTERVAL = timedelta(seconds=58)
"""A message may be a second early, and one more is lost to rounding."""


@dataclass
class History(PlayedServices):
    """Services that lose messages, two receivers, and what is true about each job and alarm."""

    random: Random = field(default_factory=Random)
    truth: dict[str, str] = field(default_factory=dict)
    changed_at: dict[str, datetime] = field(default_factory=dict)
    alarm_changed_at: dict[str, datetime] = field(default_factory=dict)
    told: dict[tuple[str, str], list[tuple[datetime, str]]] = field(default_factory=dict)
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)
    posting: list[str] = field(default_factory=list)
    is_healthy: bool = False
    number: int = 0

    # the services

    def publish(self, TopicArn: str, Message: str) -> None:  # noqa: N803
        if self.is_healthy or self.random.random() > 0.1:
            super().publish(TopicArn, Message)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        arriving = [entry for entry in Entries if self.is_healthy or self.random.random() > 0.1]
        return super().send_message_batch(QueueUrl, arriving)

    def post(self, url: str, body: bytes, headers: Any) -> Response:
        message = json.loads(body)
        destination = url.rpartition("/")[2]
        assert destination not in self.posting, "a destination is sent one message at a time"
        subject = message["detail"].get("alarm") or message["job"]
        if subject == "A test from Slowmatch":
            return Response(200, "HTTP 200")
        if subject in self.truth:
            assert message["state"] == self.truth[subject], "a message says what is true when it is sent"
        status = self.status(destination)
        if status in (200, NO_RESPONSE) and (status == 200 or self.random.random() < 0.5):
            self.receive((destination, subject), message)
        self.at += timedelta(seconds=self.random.choice((0.1, 1, 8)))
        self.posting.append(destination)
        while self.random.random() < 0.3:
            happens = [self.end_run, self.change_any_alarm, self.deliver_sns]
            self.random.choice([*happens, self.deliver_sqs] if len(self.posting) == 1 else happens)()
        self.posting.remove(destination)
        return Response(status, f"HTTP {status}")

    def status(self, destination: str) -> int:
        return 200 if self.is_healthy or destination != "shaky" else self.random.choice(STATUSES)

    def receive(self, series: tuple[str, str], message: dict[str, Any]) -> None:
        assert message["sequence"] >= self.sequences.get(series, 0), "a later message has a later state"
        self.sequences[series] = message["sequence"]
        before = self.told.setdefault(series, [])
        if before and series[0] != "shaky":
            assert self.at - before[-1][0] >= INTERVAL, "at most one message a minute"
        before.append((self.at, message["state"]))

    # what happens

    def end_run(self) -> None:
        job = self.random.choice(JOBS)
        if self.random.random() < 0.5:
            self.harness.run(f"error {self.number}", job=job)
            self.change(job, "failing")
        else:
            self.harness.run(None, job=job)
            if job in self.truth:
                self.change(job, "works")
        self.number += 1
        self.at += timedelta(milliseconds=1)

    def change_any_alarm(self) -> None:
        """CloudWatch's message is recorded now, or after later ones."""
        alarm, state = self.random.choice(ALARMS), self.random.choice(("ALARM", "OK", "INSUFFICIENT_DATA"))
        changed_at = self.at - timedelta(seconds=self.random.choice((0, 1, 30)))
        if changed_at > self.alarm_changed_at.get(alarm, datetime.min.replace(tzinfo=UTC)):
            self.alarm_changed_at[alarm] = changed_at
            self.change(alarm, state)
        elif changed_at == self.alarm_changed_at[alarm]:
            return
        self.number += 1
        self.change_alarm(alarm, state, f"alarm {self.number}", changed_at)
        self.at += timedelta(milliseconds=1)

    def change(self, subject: str, state: str) -> None:
        if self.truth.get(subject) != state:
            self.truth[subject], self.changed_at[subject] = state, self.at

    def deliver_sns(self) -> None:
        if self.sns:
            message = self.sns.pop(self.random.randrange(len(self.sns)))
            self.harness.sns(message, "any")
            if self.random.random() < 0.1:
                self.sns.append(message)

    def deliver_sqs(self) -> None:
        visible = [message for message in self.sqs if message[0] <= self.at]
        if visible:
            message = self.random.choice(visible)
            self.sqs.remove(message)
            assert self.harness.deliver(message[1]) == []
            if self.random.random() < 0.1:
                self.sqs.append(message)

    def wait(self) -> None:
        self.at += timedelta(seconds=self.random.choice((1, 5, 20, 60, 300, 1800)))

    def step(self) -> None:
        what = (
            [self.end_run] * 4
            + [self.change_any_alarm] * 2
            + [self.deliver_sns] * 6
            + [self.deliver_sqs] * 6
            + [self.wait] * 3
            + [self.dispatch]
        )
        self.random.choice(what)()

    def deliver_all(self) -> None:
        while self.sns or any(at <= self.at for at, _ in self.sqs):
            self.deliver_sns()
            self.deliver_sqs()

    def come_to_rest(self) -> None:
        """Everything works again, and the dispatcher passes for three hours."""
        self.is_healthy = True
        for name in DESTINATIONS:
            self.harness.invoke({"payload": {"test": name}})
        for _ in range(36):
            self.dispatch()
            self.deliver_all()
            self.look(LATE_AFTER_FAILURES)
            self.at += timedelta(minutes=5)

    def go_on(self) -> None:
        """Runs end and alarms change between and during messages, all of which arrive."""
        for minute in range(MINUTES):
            if minute % 5 == 0:
                self.dispatch()
            self.random.choice([self.end_run, self.end_run, self.change_any_alarm])()
            self.deliver_all()
            self.look(LATE)
            self.at += timedelta(minutes=1)

    def look(self, late: timedelta) -> None:
        """The last message about each job and alarm is true, unless that changed a moment ago."""
        for subject, state in self.truth.items():
            if self.at - self.changed_at[subject] < late:
                continue
            event = "alarm" if subject in ALARMS else "recovered" if state == "works" else "failed"
            for destination, events in DESTINATIONS.items():
                told_at, told = self.told.get((destination, subject), [(self.at, "nothing")])[-1]
                if event not in events or (told, state) in (("nothing", "works"), ("nothing", "OK")):
                    continue
                is_told = (
                    told_at >= self.changed_at[subject] or destination == "shaky"
                )  # which may have refused it
                assert told == state and is_told, (
                    f"{self.at}: {destination} was told at {told_at} that {subject} is {told}, but since"
                    f" {self.changed_at[subject]} it is {state}"
                )


@pytest.fixture
def history(
    notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[History]:
    destinations = [notifier.webhook(name, events=list(events)) for name, events in DESTINATIONS.items()]
    history = History(notifier, destinations, random=Random(request.param))
    with playing(history, monkeypatch):
        yield history


@pytest.mark.parametrize("history", range(6), indirect=True)
def test_the_last_message_is_true_whatever_happened(history: History) -> None:
    for _ in range(STEPS):
        history.step()
    history.come_to_rest()
    states = {row[1] for row in history.harness.deliveries()}
    assert "waiting" not in states
    history.go_on()
