"""How many SQS messages a slow or failing receiver takes, counted on a simulated clock."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.aws import sqs
from slowmatch.notifications import delivery, queue
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.sender import Response
from tests.conftest import LambdaContext
from tests.integration.notify.conftest import NotifierHarness

SECOND = timedelta(seconds=1)
TIMEOUT = timedelta(seconds=29)
"""The notifier's, in template.yaml."""


@dataclass
class SimulatedNotifier:
    """SQS, workers and a receiver on a clock of their own. While one worker posts, the others go on."""

    harness: NotifierHarness
    receiver_takes: timedelta
    answer: Callable[[str], Response] = lambda alarm: Response(200, "HTTP 200")
    at: datetime = datetime(2026, 11, 24, tzinfo=UTC)
    messages: list[tuple[datetime, str]] = field(default_factory=list)
    sent: int = 0
    posts: list[str] = field(default_factory=list)
    posting: int = 0

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            visible_at = self.at + timedelta(seconds=entry["DelaySeconds"])
            self.messages.append((visible_at, entry["MessageBody"]))
        self.sent += len(Entries)
        return {}

    def post(self, url: str, body: bytes, headers: Any) -> Response:
        assert not self.posting, "a destination is sent one message at a time"
        self.posting += 1
        until = self.at + self.receiver_takes
        while self.at < until:
            self.at += SECOND
            self.work()
        self.posting -= 1
        alarm = json.loads(body)["detail"]["alarm"]
        self.posts.append(alarm)
        return self.answer(alarm)

    def work(self) -> None:
        """Invoke the notifier with each message that is visible."""
        while visible := [message for message in self.messages if message[0] <= self.at]:
            self.messages.remove(visible[0])
            self.invoke({"Records": [{"messageId": "m", "body": visible[0][1]}]})

    def invoke(self, event: Any) -> None:
        ends_at = self.at + TIMEOUT
        context = LambdaContext()
        context.get_remaining_time_in_millis = lambda: (ends_at - self.at) // timedelta(milliseconds=1)  # type: ignore[method-assign]
        self.harness.lambda_context = context
        self.harness.invoke(event)
        assert self.at < ends_at, "Lambda would have ended it"

    def raise_alarms(self, *names: str) -> None:
        for name in names:
            alarm = json.dumps({"AlarmName": name, "NewStateValue": "ALARM"})
            self.harness.sns(alarm, name)
            self.at += timedelta(milliseconds=1)

    def work_until(self, **span: int) -> None:
        until = self.at + timedelta(**span)
        while self.at < until:
            self.work()
            self.at += SECOND

    def dispatch(self) -> int:
        return queue.send_waiting(self.harness.con, self.at)

    def states(self) -> set[str]:
        return {row[1] for row in self.harness.deliveries()}


ALARMS = [f"alarm {number:02}" for number in range(12)]


@pytest.fixture
def simulated(notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedNotifier]:
    simulated = SimulatedNotifier(notifier, 8 * SECOND)
    with monkeypatch.context() as patched:
        patched.setattr(notifier.con, "now", lambda: simulated.at)
        patched.setattr(sqs, "client", lambda: simulated)
        patched.setattr("notifier.deliver.post", simulated.post)
        yield simulated


def test_a_slow_receiver_takes_a_message_for_each_notification(simulated: SimulatedNotifier) -> None:
    """It took 540 when each notification looked every second whether the receiver was free."""
    simulated.raise_alarms(*ALARMS)
    simulated.work_until(minutes=10)
    assert simulated.posts == ALARMS and simulated.states() == {"sent"}
    assert simulated.sent == 12 + 3  # an invocation sends three


def test_a_receiver_in_trouble_is_sent_one_message_for_each_rest(simulated: SimulatedNotifier) -> None:
    simulated.answer = lambda alarm: Response(503, "HTTP 503")
    simulated.raise_alarms(*ALARMS)
    simulated.work_until(hours=2)
    assert len(simulated.posts) == 6 and simulated.sent == 12 + 5  # after 10, 20, 40, 80 and 160 s
    assert simulated.dispatch() == 1
    simulated.work_until(hours=1)
    assert len(simulated.posts) == 7 and simulated.sent == 12 + 6


def test_a_receiver_that_works_again_receives_everything(simulated: SimulatedNotifier) -> None:
    simulated.answer = lambda alarm: Response(200 if simulated.posts.count(alarm) > 1 else 503, "an answer")
    simulated.raise_alarms(*ALARMS[:3])
    simulated.work_until(minutes=10)
    assert simulated.states() == {"sent"} and simulated.posts[0] == ALARMS[0]


def test_after_an_outage_the_oldest_is_sent_first(simulated: SimulatedNotifier) -> None:
    begins = simulated.at
    sent: list[str] = []

    def answer(alarm: str) -> Response:
        if simulated.at < begins + timedelta(minutes=40):
            return Response(503, "HTTP 503")
        sent.append(alarm)
        return Response(200, "HTTP 200")

    simulated.answer = answer
    simulated.raise_alarms(*ALARMS)
    for _ in range(16):
        simulated.work_until(minutes=5)
        simulated.dispatch()
    assert sent == ALARMS


def test_a_notification_that_fails_holds_up_no_other(simulated: SimulatedNotifier) -> None:
    simulated.answer = lambda alarm: Response(500 if alarm == ALARMS[0] else 200, "an answer")
    simulated.raise_alarms(*ALARMS)
    simulated.work_until(minutes=3)
    assert simulated.posts[0] == ALARMS[0] and set(ALARMS[1:]) < set(simulated.posts)


def test_a_long_rest_ends_with_one_message(simulated: SimulatedNotifier) -> None:
    answers = iter([Response(429, "HTTP 429", timedelta(minutes=20))])
    simulated.answer = lambda alarm: next(answers, Response(200, "HTTP 200"))
    simulated.raise_alarms(ALARMS[0])
    sent = []
    for alarm in ALARMS[1:5]:
        simulated.work_until(minutes=5)
        simulated.raise_alarms(alarm)
        sent.append(simulated.dispatch())
    assert sum(sent) == 1
    simulated.work_until(minutes=5)
    assert simulated.posts == [ALARMS[0], *ALARMS[:5]] and simulated.states() == {"sent"}


def test_a_worker_that_dies_is_followed_by_the_dispatcher(simulated: SimulatedNotifier) -> None:
    simulated.raise_alarms(*ALARMS[:3])
    to = Destination("hook", "webhook", simulated.harness.receiver.url("/hook"))
    assert delivery.claim(simulated.harness.con, to, simulated.at)
    simulated.work_until(minutes=9)
    assert simulated.posts == [] and simulated.dispatch() == 0
    simulated.work_until(minutes=2)
    assert simulated.dispatch() == 1
    simulated.work_until(minutes=2)
    assert simulated.posts == ALARMS[:3]
