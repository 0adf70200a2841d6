"""How many SQS messages a slow or failing receiver takes, counted on a simulated clock."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from slowmatch.notifications import delivery
from slowmatch.notifications.destinations import Destination
from slowmatch.notifications.sender import Response
from tests.integration.notify.conftest import NotifierHarness
from tests.integration.notify.played import SECOND, PlayedServices, playing


@dataclass
class SimulatedReceiver(PlayedServices):
    """One receiver. While a worker posts to it, the others go on."""

    receiver_takes: timedelta = 8 * SECOND
    answer: Callable[[str], Response] = lambda alarm: Response(200, "HTTP 200")
    posts: list[str] = field(default_factory=list)
    posting: int = 0

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

    def raise_alarms(self, *names: str) -> None:
        for name in names:
            self.change_alarm(name, "ALARM", name)
            self.at += timedelta(milliseconds=1)

    def states(self) -> set[str]:
        return {row[1] for row in self.harness.deliveries()}


ALARMS = [f"alarm {number:02}" for number in range(12)]


@pytest.fixture
def simulated(notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedReceiver]:
    simulated = SimulatedReceiver(notifier, [notifier.webhook()])
    with playing(simulated, monkeypatch):
        yield simulated


def test_a_slow_receiver_takes_a_message_for_each_notification(simulated: SimulatedReceiver) -> None:
    """It took 540 when each notification looked every second whether the receiver was free."""
    simulated.raise_alarms(*ALARMS)
    simulated.pass_time(minutes=10)
    assert simulated.posts == ALARMS and simulated.states() == {"sent"}
    assert simulated.sent == 12 + 3  # an invocation sends three


def test_a_receiver_in_trouble_is_sent_one_message_for_each_rest(simulated: SimulatedReceiver) -> None:
    simulated.answer = lambda alarm: Response(503, "HTTP 503")
    simulated.raise_alarms(*ALARMS)
    simulated.pass_time(hours=2)
    assert len(simulated.posts) == 6 and simulated.sent == 12 + 5  # after 10, 20, 40, 80 and 160 s
    assert simulated.dispatch() == 1
    simulated.pass_time(hours=1)
    assert len(simulated.posts) == 7 and simulated.sent == 12 + 6


def test_a_receiver_that_works_again_receives_everything(simulated: SimulatedReceiver) -> None:
    simulated.answer = lambda alarm: Response(200 if simulated.posts.count(alarm) > 1 else 503, "an answer")
    simulated.raise_alarms(*ALARMS[:3])
    simulated.pass_time(minutes=10)
    assert simulated.states() == {"sent"} and simulated.posts[0] == ALARMS[0]


def test_after_an_outage_the_oldest_is_sent_first(simulated: SimulatedReceiver) -> None:
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
        simulated.pass_time(minutes=5)
        simulated.dispatch()
    assert sent == ALARMS


def test_a_notification_that_fails_holds_up_no_other(simulated: SimulatedReceiver) -> None:
    simulated.answer = lambda alarm: Response(500 if alarm == ALARMS[0] else 200, "an answer")
    simulated.raise_alarms(*ALARMS)
    simulated.pass_time(minutes=3)
    assert simulated.posts[0] == ALARMS[0] and set(ALARMS[1:]) < set(simulated.posts)


def test_a_long_rest_ends_with_one_message(simulated: SimulatedReceiver) -> None:
    answers = iter([Response(429, "HTTP 429", timedelta(minutes=20))])
    simulated.answer = lambda alarm: next(answers, Response(200, "HTTP 200"))
    simulated.raise_alarms(ALARMS[0])
    sent = []
    for alarm in ALARMS[1:5]:
        simulated.pass_time(minutes=5)
        simulated.raise_alarms(alarm)
        sent.append(simulated.dispatch())
    assert sum(sent) == 1
    simulated.pass_time(minutes=5)
    assert simulated.posts == [ALARMS[0], *ALARMS[:5]] and simulated.states() == {"sent"}


def test_a_worker_that_dies_is_followed_by_the_dispatcher(simulated: SimulatedReceiver) -> None:
    simulated.raise_alarms(*ALARMS[:3])
    to = Destination("hook", "webhook", simulated.harness.receiver.url("/hook"))
    assert delivery.claim(simulated.harness.con, to, simulated.at)
    simulated.pass_time(minutes=9)
    assert simulated.posts == [] and simulated.dispatch() == 0
    simulated.pass_time(minutes=2)
    assert simulated.dispatch() == 1
    simulated.pass_time(minutes=2)
    assert simulated.posts == ALARMS[:3]
