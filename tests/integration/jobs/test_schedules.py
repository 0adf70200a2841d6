"""The dispatcher reads the rules and reports missed occurrences; tests/unit/jobs/test_schedule_history.py has more."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import schedules
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import health, job_summaries
from tests.conftest import STACK
from tests.integration.jobs.conftest import Work
from tests.support.schedules import put_schedule

JOB = "db-cleanup"
RULE = f"{STACK}-{JOB}"
DAILY = "cron(0 10 * * ? *)"
TEN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
Passes = Callable[[int, int], None]


@pytest.fixture
def rules(con: Connection, aws: str) -> Iterator[Any]:
    """EventBridge, with the rule of one job."""
    schedules.events.cache_clear()
    events = boto3.client("events")
    events.put_rule(Name=RULE, ScheduleExpression=DAILY)
    yield events
    events.delete_rule(Name=RULE)
    schedules.events.cache_clear()


def read(con: Connection) -> list[list[Any]]:
    """What is stored of the job's rule after a look at all of them."""
    schedules.read_schedules(con, con.now(), stack=STACK)
    return con.query("SELECT schedule, schedule_enabled FROM job WHERE name = :job", job=JOB)


@pytest.fixture
def passes(con: Connection, rules: Any) -> Passes:
    """Passes of the dispatcher, every five minutes from and to the given minutes after ten o'clock."""

    def come(first: int, last: int) -> None:
        for minute in range(first, last + 1, 5):
            now = TEN + timedelta(minutes=minute)
            schedules.read_schedules(con, now, stack=STACK)
            schedules.report_missed(con, now)

    return come


def missed(con: Connection) -> list[str]:
    return [f"{at:%H:%M}" for (at,) in con.query("SELECT occurrence FROM job_missed ORDER BY occurrence")]


def missed_by(con: Connection, clock: str) -> int:
    """How many missed occurrences a pass at that time reports."""
    return schedules.report_missed(con, datetime.fromisoformat(f"2026-11-24T{clock}+00:00"))


def test_missed_occurrence_is_reported_once(con: Connection, work: Work) -> None:
    put_schedule(con, "record-expiry", checked_to="2026-11-24T00:30:00Z")
    work.start_occurrence("2026-11-24T02:00:00Z")
    work.spec = JOBS["db-cleanup"]
    work.start_occurrence("2026-11-24T01:00:00Z")
    assert [missed_by(con, "03:30:00"), missed_by(con, "03:30:00")] == [2, 0]
    assert missed(con) == ["01:00", "03:00"]


def test_occurrence_counts_as_missed_after_ten_minutes(con: Connection) -> None:
    put_schedule(con, "record-expiry", checked_to="2026-11-24T02:30:00Z")
    assert [missed_by(con, "03:09:59"), missed_by(con, "03:10:00")] == [0, 1]


def test_after_a_long_silence_the_last_day_is_reported(con: Connection) -> None:
    put_schedule(con, "record-expiry", checked_to="2026-11-01T00:00:00Z")
    assert missed_by(con, "02:30:00") == 24


def test_occurrence_that_comes_late_is_missed_no_more(con: Connection, work: Work) -> None:
    put_schedule(con, "record-expiry", checked_to="2026-11-24T00:30:00Z")
    now = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    schedules.report_missed(con, now)

    def count() -> int:
        return job_summaries.summary_of(con, "record-expiry", now).missed

    assert count() == 1
    work.start_occurrence("2026-11-24T00:00:00Z")
    assert job_summaries.checked_schedules(con)["record-expiry"].latest == [now.replace(minute=0)]
    work.start_occurrence("2026-11-24T01:00:00Z")
    assert job_summaries.checked_schedules(con)["record-expiry"].latest == []
    assert count() == 0 and '"missed" : 0' in health.stats(con, now, 24)


def test_whether_a_job_is_scheduled_is_known_from_its_rule(con: Connection, rules: Any) -> None:
    def scheduled(job: str) -> bool | None:
        return job_summaries.summary_of(con, job, con.now()).scheduled

    pause.pause(con, JOB, "ann", None, now=con.now())
    assert [scheduled(JOB), scheduled("send-test-mail")] == [None, None]
    read(con)
    rules.delete_rule(Name=RULE)
    assert [scheduled(JOB), scheduled("send-test-mail")] == [True, False]
    assert read(con) == [[None, False]] and scheduled(JOB) is False


def test_rule_that_cannot_be_read_is_kept_as_it_was(
    con: Connection, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeRule")

    rules.disable_rule(Name=RULE)
    assert read(con) == [[DAILY, False]]
    monkeypatch.setattr(schedules.events(), "describe_rule", refuse)
    with pytest.raises(PartlyFailed, match="db-cleanup: ThrottlingException"):
        read(con)
    monkeypatch.undo()
    assert read(con) == [[DAILY, False]]


def test_schedule_that_is_not_understood_stops_nothing(con: Connection) -> None:
    put_schedule(con, "daily-summary", "monthly", checked_to="2020-01-01T00:00:00Z")
    assert job_summaries.list_jobs(con, con.now())[0].next == []
    assert schedules.report_missed(con, con.now()) == 0


@pytest.mark.parametrize("change", ["changed", "disabled", "deleted"])
def test_what_was_missed_just_before_a_change_is_reported(
    con: Connection, rules: Any, passes: Passes, change: str
) -> None:
    passes(-10, 0)
    if change == "deleted":
        rules.delete_rule(Name=RULE)
    elif change == "disabled":
        rules.disable_rule(Name=RULE)
    else:
        rules.put_rule(Name=RULE, ScheduleExpression="cron(30 15 * * ? *)")
    passes(5, 20)
    assert missed(con) == ["10:00"]


def test_schedule_from_before_there_was_a_history_holds(con: Connection, passes: Passes) -> None:
    put_schedule(con, JOB, DAILY, checked_to=TEN - timedelta(minutes=15))
    passes(-5, 10)
    assert missed(con) == ["10:00"]


def test_removed_job_misses_nothing(con: Connection) -> None:
    put_schedule(con, "old-job", DAILY, checked_to=TEN - timedelta(minutes=15))
    schedules.report_missed(con, TEN + timedelta(minutes=15))
    assert missed(con) == []
