"""A night on call: a reader of a single channel knows at any moment what is broken, and since when."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import pytest

from slowmatch.jobs import Permanent
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.worker.invocation import Invocation
from slowmatch.notifications.publishing import find_problems
from slowmatch.notifications.sender import Response
from tests.conftest import LambdaContext
from tests.integration.notify.conftest import NotifierHarness
from tests.integration.notify.played import SECOND, PlayedServices, playing
from tests.support.channels import KEY, Channel, Gateway, Slack, Teams

FLAPS, BREAKS, RECOVERS = "record-expiry", "db-cleanup", "daily-summary"
PAGER = "pager"
SLOW = timedelta(seconds=8)
DELAY = timedelta(minutes=1, seconds=1)
"""The documented minute; SQS counts whole seconds."""
MINUTE = timedelta(minutes=1)

# A job is broken once it was to be told of: after three failures in a row, or if a run failed for good.
TRUTH = """
    SELECT job, since
    FROM job_failures AS known
    WHERE in_a_row >= 3 OR EXISTS (
        SELECT FROM job_run WHERE job_run.job = known.job AND state = 'failed' AND finished_at >= since
    )
    UNION ALL
    (
        SELECT DISTINCT ON (detail ->> 'alarm') detail ->> 'alarm', at
        FROM notification
        WHERE event = 'alarm' AND detail ->> 'state' = 'ALARM' AND detail ->> 'destination' IS NULL
          AND NOT EXISTS (
              SELECT FROM notification AS later
              WHERE later.detail ->> 'alarm' = notification.detail ->> 'alarm' AND later.at > notification.at
          )
    )
    UNION ALL
    SELECT 'Notifications to ' || name, gave_up_at FROM notification_destination WHERE gave_up_at IS NOT NULL
"""


@dataclass
class Night(PlayedServices):
    """`truths` has what was broken and since when, each time until something else is true.

    `meanwhile` happens at its time, also while a message is being sent.
    """

    channels: dict[str, Channel] = field(default_factory=dict)
    meanwhile: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    truths: list[tuple[datetime, dict[str, datetime]]] = field(default_factory=list)
    posting: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    def post(self, url: str, body: bytes, headers: Any, *_: float) -> Response:
        name = url.rpartition("/")[2]
        assert name not in self.posting, "a destination is sent one message at a time"
        self.posting.add(name)
        self.play(self.channels[name].takes)
        self.posting.remove(name)
        return self.channels[name].receive(body, headers)

    def play(self, span: timedelta) -> None:
        until = self.at + span
        while self.at < until:
            self.at += SECOND
            while self.meanwhile and self.meanwhile[0][0] <= self.at:
                self.meanwhile.pop(0)[1]()
            self.work()
            if self.at.minute % 5 == self.at.second == 0:
                self.dispatch()
            self.look()

    def invoke(self, event: Any) -> None:
        super().invoke(event)
        self.note()

    def run(self, job: str, error: str | None = None, kind: type[Exception] = Permanent) -> None:
        self.harness.run(error, job, kind=kind)
        self.note()

    def retry(self) -> None:
        """Let the attempts fail that are due."""

        def work(_: Any) -> None:
            raise OSError("the disk is full")

        due = self.harness.con.query(
            "SELECT job, id::text, attempt + 1 FROM job_run WHERE state = 'scheduled' AND due_at <= :now",
            now=self.at,
        )
        for job, run_id, attempt in due:
            body = json.dumps({"run_id": run_id, "attempt": attempt})
            invocation = Invocation(
                self.harness.con, JOBS[job], work, settings={}, lambda_context=LambdaContext()
            )
            invocation.run({"Records": [{"messageId": "1", "body": body}]})
            self.note()

    def change_alarm(self, name: str, state: str, *_: Any) -> None:
        super().change_alarm(name, state, f"{name} {self.at}")
        self.note()

    def note(self) -> None:
        """What is true from now on."""
        truth = dict(self.harness.con.query(TRUTH))
        if self.truths[-1][1] != truth:
            self.truths.append((self.at, truth))

    def look(self) -> None:
        """Compare every channel with what is true, or was at some time in the last minute."""
        for name, channel in self.channels.items():
            if name in self.lost:
                continue
            late = DELAY + channel.takes * (len(channel.broken) + 1)  # one message may be on its way already
            first = bisect_right(self.truths, self.at - late, key=itemgetter(0)) - 1
            possible = [known for _, known in self.truths[max(first, 0) :]]
            said_broken = () if name == PAGER else channel.broken  # nobody tells it of a recovery
            for subject in {*said_broken, *possible[0]} - {f"Notifications to {name}"}:
                said = channel.broken.get(subject)
                assert any(agree(said, known.get(subject)) for known in possible), (
                    f"{self.at:%H:%M:%S} {name} says that {subject} is broken since {said}; true is {possible}"
                )


def agree(said: datetime | None, true: datetime | None) -> bool:
    """People read whole minutes."""
    if said is None or true is None:
        return said is true
    return abs(said - true) < MINUTE


@pytest.fixture
def night(notifier: NotifierHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    channels = {
        "slack": Slack(),
        "teams": Teams(),
        "gateway": Gateway(),
        "slow": Slack(SLOW),
        "dies": Gateway(),
        PAGER: Gateway(),
    }
    kinds = {"slack": "slack", "teams": "teams", "slow": "slack"}
    destinations = [
        {"name": name, "url": notifier.receiver.url(f"/{name}")}
        | ({"kind": kinds[name]} if name in kinds else {"kind": "webhook", "key": KEY})
        | ({"events": ["failed", "alarm"]} if name == PAGER else {})
        for name in channels
    ]
    night = Night(notifier, destinations, channels=channels)
    night.truths.append((night.at, {}))
    monkeypatch.setattr("slowmatch.jobs.retry.random.randint", lambda *_: 0)
    with playing(night, monkeypatch):
        yield night


def test_each_channel_says_all_night_what_is_broken_and_since_when(night: Night) -> None:
    for _ in range(4):
        night.run(FLAPS, "a lock")
        night.play(DELAY)
    night.run(FLAPS)
    night.meanwhile.append((night.at + 3 * SECOND, lambda: night.run(FLAPS, "a lock")))
    night.play(3 * MINUTE)

    night.run(RECOVERS, "no such mailbox")
    night.run(BREAKS, "the disk is full", OSError)
    night.change_alarm("api-errors", "ALARM")
    for _ in range(12):
        night.play(20 * SECOND)
        night.run(FLAPS, "a lock")
        night.retry()
        night.play(25 * SECOND)
        night.run(FLAPS)
        night.play(30 * SECOND)
    night.change_alarm("throttles", "ALARM")

    night.lost.add("dies")
    night.channels["dies"].status = 503
    for state in ("ALARM", "OK", "INSUFFICIENT_DATA", "ALARM"):
        night.change_alarm("queue-age", state)
        night.play(40 * SECOND)
    night.channels["dies"].status = 410
    night.play(10 * MINUTE)
    others = [channel for name, channel in night.channels.items() if name != "dies"]
    assert all(channel.broken["Notifications to dies"] for channel in others)
    (problem,) = find_problems(night.harness.con, night.at)
    assert problem.text == "notifications to dies are switched off: its last answer was HTTP 410"

    night.run(RECOVERS)
    night.change_alarm("api-errors", "OK")
    while night.harness.con.query("SELECT FROM job_run WHERE state = 'scheduled'"):
        night.retry()
        night.run(FLAPS, "a lock")
        night.play(5 * MINUTE)
        night.run(FLAPS)
        night.play(MINUTE)
    night.channels["dies"].status = None
    night.invoke({"payload": {"test": "dies"}})
    night.play(2 * MINUTE)
    night.lost.clear()
    assert not list(find_problems(night.harness.con, night.at))
    night.run(BREAKS)
    night.play(2 * MINUTE)

    still_broken = {"throttles", "queue-age"}
    assert set(night.truths[-1][1]) == still_broken
    for channel in (channel for name, channel in night.channels.items() if name != PAGER):
        assert {subject for subject, since in channel.broken.items() if since} == still_broken
