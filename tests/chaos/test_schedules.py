"""Two hundred schedules made, changed, paused and deleted while the dispatcher is killed and Scheduler refuses.

The clock is the test's: it goes through the night in which it is winter in Berlin. The group is moto's, and the test
sends what is due in it, as Scheduler would: sometimes twice, sometimes not at all.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError  # type: ignore[import-untyped, unused-ignore]

from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import projection, schedules
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.schedules import store, timing
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.worker.invocation import Invocation
from slowmatch.settings import settings
from tests.chaos.report import Figures
from tests.conftest import STACK

SUBJECT = "Schedules made at run time"
SCHEDULES = 200
CLOCKS_CHANGE = datetime(2099, 10, 25, 1, tzinfo=UTC)
"""In Berlin, where the hour from two to three then comes again. moto refuses a start in the past by its own clock."""
CALM_MINUTES = 60
"""Until what was refused is tried again, and what was missed is noticed."""
CALLS = ("get_schedule", "create_schedule", "update_schedule", "delete_schedule")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


Occurrence = tuple[str, datetime]
"""The name of a schedule and a time."""


class Killed(BaseException):
    """What no handler's error handling catches, as SIGKILL."""


@dataclass
class Night:
    """The rows, the group, and what goes wrong between them.

    `times` are those that the rows had, enabled or not. What of them can be missed is `due`: its version has been in
    force. What is in force at the very minute is `certain`.
    """

    con: Connection
    chance: random.Random
    lambda_context: Any
    now: datetime = CLOCKS_CHANGE
    counts: Counter[str] = field(default_factory=Counter)
    was_in_force: set[tuple[str, int]] = field(default_factory=set)
    times: set[Occurrence] = field(default_factory=set)
    due: set[Occurrence] = field(default_factory=set)
    certain: set[Occurrence] = field(default_factory=set)
    sent: set[Occurrence] = field(default_factory=set)
    unwatched: set[Occurrence] = field(default_factory=set)
    is_stormy: bool = False
    read: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws = boto3.client("scheduler")

    # what people do

    def edit(self) -> None:
        name = f"each-{self.chance.randrange(SCHEDULES)}"
        current = store.find(self.con, name)
        what = self.chance.choice(["put", "put", "pause", "resume", "delete"]) if current else "put"
        self.counts[f"times a schedule was {what}" + ("d" if what.endswith("e") else "")] += 1
        if what == "delete":
            self.note_unwatched(name)
            store.remove(self.con, name, actor="ann")
        elif what == "put":
            self.put(name)
        else:
            store.set_enabled(self.con, name, what == "resume", actor="ann")

    def note_unwatched(self, name: str) -> None:
        """Nobody looks after the last occurrences of a schedule that is deleted, since the dispatcher's last look."""
        if found := store.lock_history(self.con, name):
            _, _, checked_to = found
            self.unwatched |= {(which, at) for which, at in self.certain if which == name and at > checked_to}

    def put(self, name: str) -> None:
        minutes = self.chance.choice(["0/15", "0/20", "7,37", "*/10"])
        is_ending = self.chance.random() < 0.1
        hours = "*" if is_ending else self.chance.choice(["*", "*", "*", "0-3"])
        expression = self.chance.choice([f"cron({minutes} {hours} * * ? *)"] * 6 + ["rate(20 minutes)"])
        starts_at = self.now + timedelta(minutes=30) if self.chance.random() < 0.1 else None
        store.put(
            self.con,
            name,
            job=self.chance.choice(["db-cleanup", "record-expiry"]),
            expression=expression,
            time_zone=self.chance.choice(ZONES),
            starts_at=starts_at,
            ends_at=(starts_at or self.now) + timedelta(minutes=90) if is_ending else None,
            actor="ann",
        )

    def meddle(self) -> None:
        """Disable or delete a schedule in AWS by hand."""
        if not (names := list(self.group())):
            return
        name = self.chance.choice(names)
        if self.chance.random() < 0.5:
            self.aws.delete_schedule(Name=name, GroupName=STACK)
        else:
            kept = {
                "Name",
                "GroupName",
                "ScheduleExpression",
                "ScheduleExpressionTimezone",
                "FlexibleTimeWindow",
            }
            found = self.aws.get_schedule(Name=name, GroupName=STACK)
            members = {key: value for key, value in found.items() if key in kept | {"Target"}}
            self.aws.update_schedule(**members, State="DISABLED")
        self.counts["schedules changed by hand"] += 1

    # what Scheduler and the workers do

    def group(self) -> dict[str, Any]:
        pages = self.aws.get_paginator("list_schedules").paginate(GroupName=STACK)
        listed = {each["Name"]: each["LastModificationDate"] for page in pages for each in page["Schedules"]}
        for name, modified_at in listed.items():
            if self.read.get(name, {}).get("LastModificationDate") != modified_at:
                self.read[name] = self.aws.get_schedule(Name=name, GroupName=STACK)
        return {name: self.read[name] for name in listed}

    def fire(self) -> None:
        """Send what the group has for this minute, and note which times the rows have."""
        for row in store.all_schedules(self.con):
            is_in_force = row.in_force == row.version
            if is_in_force:
                self.was_in_force.add((row.name, row.version))
            if not row.timing.includes(self.now):
                continue
            self.times.add((row.name, self.now))
            if row.enabled and not row.timing.is_rate:
                if (row.name, row.version) in self.was_in_force:
                    self.due.add((row.name, self.now))
                if is_in_force:
                    self.certain.add((row.name, self.now))
        for name, found in self.group().items():
            when = timing.parse(
                found["ScheduleExpression"],
                found["ScheduleExpressionTimezone"],
                found.get("StartDate"),
                found.get("EndDate"),
            )
            if found["State"] == "ENABLED" and self._is_due(when):
                job = found["Target"]["Arn"].rpartition(f"{STACK}-")[2]
                at = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
                body = found["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", at)
                for _ in range(self.chance.choices([1, 2, 0], [85, 10, 5])[0] if self.is_stormy else 1):
                    self.deliver(job, name, body)
                    self.sent.add((name, self.now))

    def _is_due(self, when: timing.Timing) -> bool:
        return when.next_after(self.now - timedelta(seconds=1)) == self.now

    def deliver(self, job: str, name: str, body: str) -> None:
        invocation = Invocation(
            self.con, JOBS[job], lambda context: None, settings={}, lambda_context=self.lambda_context
        )
        answer = invocation.run({"Records": [{"messageId": "1", "body": body}]})
        assert answer == {"batchItemFailures": []}, json.dumps([name, body])
        self.counts["messages"] += 1

    # what the dispatcher does

    def dispatch(self, *, is_pass: bool) -> None:
        try:
            projection.project(self.con, self.now, settings=settings(), checks=is_pass)
            if is_pass:
                schedules.report_missed(self.con, self.now)
        except (PartlyFailed, ClientError, ReadTimeoutError):
            assert self.is_stormy
        except Killed:
            self.con.close()
            self.counts["dispatchers killed"] += 1

    def call(self, send: Callable[..., Any], given: dict[str, Any]) -> Any:
        """A call of Scheduler. What is killed or times out may have been carried out."""
        if not self.is_stormy:
            return send(**given)
        what = self.chance.choices(
            ["done", "refused", "throttled", "killed before", "killed after", "lost", "met"],
            [70, 8, 3, 5, 5, 4, 5],
        )[0]
        if what == "met":
            self.is_stormy = False
            with closing(Connection(settings())) as other:
                projection.project(other, self.now, settings=settings(), checks=False)
            self.is_stormy = True
        if what in ("refused", "throttled"):
            self.counts[f"calls {what}"] += 1
            code = "ValidationException" if what == "refused" else "ThrottlingException"
            raise ClientError({"Error": {"Code": code, "Message": "Not now."}}, "call")
        if what == "killed before":
            raise Killed
        answer = send(**given)
        if what == "killed after":
            raise Killed
        if what == "lost":
            self.counts["answers lost"] += 1
            raise ReadTimeoutError(endpoint_url="https://scheduler")
        return answer


@pytest.fixture
def night(
    con: Connection,
    aws: str,
    chance: random.Random,
    lambda_context: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Night]:
    projection.scheduler.cache_clear()
    made = Night(con, chance, lambda_context)
    made.aws.create_schedule_group(Name=STACK)
    client = projection.scheduler()
    for name in CALLS:
        send = getattr(client, name)
        monkeypatch.setattr(client, name, lambda _send=send, **given: made.call(_send, given))
    monkeypatch.setattr(Connection, "now", lambda _: made.now)
    yield made
    made.aws.delete_schedule_group(Name=STACK)
    projection.scheduler.cache_clear()


@contextmanager
def storm(night: Night) -> Iterator[None]:
    night.is_stormy = True
    yield
    night.is_stormy = False


def live(night: Night, minutes: int, edits: int) -> None:
    for _ in range(minutes):
        night.now += timedelta(minutes=1)
        night.fire()
        for _ in range(edits):
            night.edit()
        if edits and night.chance.random() < 0.2:
            night.meddle()
        is_pass = night.now.minute % 5 == 0
        if is_pass or night.chance.random() < 0.7:
            night.dispatch(is_pass=is_pass)


def agrees(row: Schedule, found: Any) -> bool:
    return (row.expression, row.time_zone, "ENABLED" if row.enabled else "DISABLED") == (
        found["ScheduleExpression"],
        found["ScheduleExpressionTimezone"],
        found["State"],
    ) and found["Target"]["Arn"].endswith(f":{STACK}-{row.job}")


def test_both_sides_agree_after_a_night_of_storms(night: Night, short: bool, figures: Figures) -> None:
    minutes = 45 if short else 240
    night.now = CLOCKS_CHANGE - timedelta(minutes=minutes * 3 // 4)
    for number in range(SCHEDULES):
        night.put(f"each-{number}")
    with storm(night):
        live(night, minutes, edits=5)
    live(night, CALM_MINUTES, edits=0)

    rows, group = {row.name: row for row in store.all_schedules(night.con)}, night.group()
    assert [name for name, row in rows.items() if row.in_force != row.version] == []
    kept = {name for name, row in rows.items() if row.timing.next_after(night.now)}
    assert kept <= group.keys() <= rows.keys()
    assert [name for name in kept if not agrees(rows[name], group[name])] == []

    runs = Counter(
        (name, at)
        for name, at in night.con.query("SELECT schedule, occurrence FROM job_run WHERE schedule <> ''")
    )
    missed = {(name, at) for name, at in night.con.query("SELECT schedule, occurrence FROM job_missed")}
    assert set(runs.values()) == {1}
    assert runs.keys() <= night.times
    assert night.certain & night.sent <= runs.keys()
    assert missed <= night.due
    settled = {each for each in night.certain if each[1] <= night.now - timedelta(minutes=30)}
    assert settled - night.sent - missed - night.unwatched == set()

    for what, count in sorted(night.counts.items()):
        figures.add(SUBJECT, what, count)
    figures.add(SUBJECT, "occurrences that were certainly due", len(settled))
    figures.add(SUBJECT, "of these with one run", len(settled & runs.keys()))
    figures.add(SUBJECT, "of these reported as missed", len(settled & missed - runs.keys()))
    figures.add(SUBJECT, "occurrences with two runs", sum(count > 1 for count in runs.values()))
