"""Rules that somebody changes, and the ticks that the dispatcher then reports as missed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from slowmatch.db import Connection
from slowmatch.jobs.dispatcher import schedules
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from tests.conftest import STACK

JOB = "db-cleanup"
RULE = f"{STACK}-{JOB}"
TEN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
Passes = Callable[[int, int], None]


def change(expression: str, state: str = "ENABLED") -> None:
    boto3.client("events").put_rule(Name=RULE, ScheduleExpression=expression, State=state)


@pytest.fixture
def passes(con: Connection, aws: str) -> Iterator[Passes]:
    """Passes of the dispatcher, every five minutes from and to the given minutes after ten o'clock."""
    schedules.events.cache_clear()
    change("cron(0 10 * * ? *)")

    def come(first: int, last: int) -> None:
        for minute in range(first, last + 1, 5):
            now = TEN + timedelta(minutes=minute)
            with suppress(PartlyFailed):
                schedules.read_schedules(con, now, stack=STACK)
            schedules.report_missed(con, now)

    yield come
    boto3.client("events").delete_rule(Name=RULE)
    schedules.events.cache_clear()


def missed(con: Connection) -> list[str]:
    return [f"{at:%H:%M}" for (at,) in con.query("SELECT occurrence FROM job_missed ORDER BY occurrence")]


def test_a_rule_changed_to_a_minute_that_has_passed_missed_nothing(con: Connection, passes: Passes) -> None:
    passes(10, 35)
    change("cron(23 * * * ? *)")
    passes(40, 60)
    assert missed(con) == []
    passes(65, 95)
    assert missed(con) == ["11:23"]


def test_what_was_missed_just_before_a_change_is_reported(con: Connection, passes: Passes) -> None:
    passes(-10, 0)
    change("cron(30 15 * * ? *)")
    passes(5, 20)
    assert missed(con) == ["10:00"]


def test_what_was_missed_just_before_the_rule_was_disabled_is_reported(
    con: Connection, passes: Passes
) -> None:
    passes(-10, 0)
    change("cron(0 10 * * ? *)", "DISABLED")
    passes(5, 20)
    assert missed(con) == ["10:00"]


def test_what_was_missed_just_before_the_rule_was_deleted_is_reported(
    con: Connection, passes: Passes
) -> None:
    passes(-10, 0)
    boto3.client("events").delete_rule(Name=RULE)
    passes(5, 20)
    assert missed(con) == ["10:00"]


def test_a_minute_that_passed_before_the_rule_was_enabled_is_not_missed(
    con: Connection, passes: Passes
) -> None:
    change("cron(23 10 * * ? *)", "DISABLED")
    passes(0, 25)
    change("cron(23 10 * * ? *)")
    passes(30, 60)
    assert missed(con) == []


@pytest.mark.parametrize(
    ("changed", "reported"), [("cron(2 10,11 * * ? *)", ["10:02"]), ("cron(2 11 * * ? *)", [])]
)
def test_between_two_passes_only_what_both_schedules_have_is_reported(
    con: Connection, passes: Passes, changed: str, reported: list[str]
) -> None:
    change("cron(2 10 * * ? *)")
    passes(-10, 0)
    change(changed)
    passes(5, 30)
    assert missed(con) == reported


def test_a_rule_that_cannot_be_read_keeps_its_last_schedule(
    con: Connection, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes(-10, -5)
    monkeypatch.setattr(schedules.events(), "describe_rule", lambda **_: 1 / 0)
    passes(0, 10)
    assert missed(con) == ["10:00"]


def test_a_schedule_from_before_there_was_a_history_holds(con: Connection, passes: Passes) -> None:
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES (:job, 'cron(0 10 * * ? *)', :at)",
        job=JOB,
        at=TEN - timedelta(minutes=15),
    )
    passes(-5, 10)
    assert missed(con) == ["10:00"]


def test_a_removed_job_misses_nothing(con: Connection) -> None:
    con.query(
        "INSERT INTO job (name, schedule, ticks_checked_to) VALUES ('old-job', 'cron(0 10 * * ? *)', :at)",
        at=TEN - timedelta(minutes=15),
    )
    schedules.report_missed(con, TEN + timedelta(minutes=15))
    assert missed(con) == []
