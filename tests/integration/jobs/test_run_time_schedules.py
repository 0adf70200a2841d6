"""Schedules made at run time: put, changed, paused, removed and purged."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import on_connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import retention
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import NEW, ScheduleConflict
from slowmatch.jobs.schedules.store import put, remove, set_enabled
from slowmatch.jobs.schedules.timing import ScheduleError
from slowmatch.settings import settings
from tests.integration.jobs.conftest import Queues, Work, while_waited_for
from tests.integration.jobs.run_time_schedules import MORNING, NAME, at_expression, make

Later = Callable[..., datetime]


def actions(con: Connection) -> list[str]:
    return [action for (action,) in con.query("SELECT action FROM job_schedule_event ORDER BY id")]


def test_the_same_again_changes_nothing(con: Connection) -> None:
    made = make(con, payload={"batch_size": 5})
    assert make(con, payload={"batch_size": 5}, actor="somebody else") == made
    changed = make(con, payload={"batch_size": 6})
    assert changed.version > made.version and changed.created_at == made.created_at
    assert actions(con) == ["created", "changed"]


def test_a_change_is_noted_with_what_was_before_and_after(con: Connection) -> None:
    make(con, actor="Ada")
    make(con, expression="cron(0 8 * * ? *)", actor="Grace")
    (created, changed) = con.query(
        """
        SELECT actor, before ->> 'expression', after ->> 'expression'
        FROM job_schedule_event ORDER BY id
        """
    )
    assert created == ["Ada", None, MORNING] and changed == ["Grace", MORNING, "cron(0 8 * * ? *)"]


def test_a_paused_schedule_stays_so_when_it_is_put_again(con: Connection) -> None:
    make(con)
    set_enabled(con, NAME, False, actor="Ada")
    assert not make(con, payload={"batch_size": 5}).enabled
    assert make(con, enabled=True).enabled
    assert remove(con, NAME) and not remove(con, NAME)
    assert actions(con) == ["created", "paused", "changed", "changed", "deleted"]


def test_a_schedule_exists_if_the_transaction_commits(con: Connection) -> None:
    with pytest.raises(ZeroDivisionError), con.transaction():
        make(con)
        raise ZeroDivisionError
    assert store.find(con, NAME) is None and actions(con) == []


def test_a_schedule_is_put_in_a_transaction_of_ones_own(con: Connection, other: Connection) -> None:
    with other.transaction():
        made = put(on_connection(other._connected()), NAME, job="record-expiry", expression=MORNING)
        assert store.find(con, NAME) is None
    assert store.find(con, NAME) == made


def test_a_schedule_is_rolled_back_with_a_transaction_of_ones_own(
    con: Connection, other: Connection, work: Work, queues: Queues, later: Later
) -> None:
    with pytest.raises(ZeroDivisionError), other.transaction():
        theirs = on_connection(other._connected())
        put(theirs, NAME, job="record-expiry", expression=at_expression(later(minutes=5)))
        raise ZeroDivisionError
    assert store.find(con, NAME) is None and actions(con) == [] and work.runs() == []
    assert queues.delayed() == 0


def test_who_changes_an_outdated_version_is_given_the_present_one(con: Connection) -> None:
    first = make(con)
    second = make(con, expression="cron(0 8 * * ? *)", actor="Ada")
    with pytest.raises(ScheduleConflict, match="was changed in the meantime by Ada") as conflict:
        make(con, expression="cron(0 9 * * ? *)", version=first.version)
    assert conflict.value.current == second == store.find(con, NAME)
    with pytest.raises(ScheduleConflict):
        make(con, expression="cron(0 8 * * ? *)", version=first.version)
    with pytest.raises(ScheduleConflict):
        set_enabled(con, NAME, True, actor="Ada", version=first.version)
    with pytest.raises(ScheduleConflict):
        remove(con, NAME, version=first.version)
    with pytest.raises(ScheduleConflict, match="choose another name"):
        make(con, job="db-cleanup", version=NEW)
    remove(con, NAME, version=second.version)
    with pytest.raises(ScheduleConflict, match="was deleted in the meantime"):
        make(con, version=second.version)


def test_two_who_make_the_same_schedule_make_one(con: Connection, other: Connection) -> None:
    second = while_waited_for(con, lambda: make(con), lambda: make(other, expression="cron(0 8 * * ? *)"))
    assert [schedule.version for schedule in store.all_schedules(con)] == [second.version]
    assert actions(con) == ["created", "changed"]


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"name": ""}, "name", "must be 1 to 64 letters"),
        ({"name": "a" * 65}, "name", "must be 1 to 64 letters"),
        ({"name": "-a"}, "name", "beginning with a letter"),
        ({"name": "a b"}, "name", "'a b' must be"),
        ({"name": "a\n"}, "name", "must be"),
        ({"job": "no-job"}, "job", "'no-job' is not a job; the jobs are"),
        ({"payload": {"no": 1}}, "payload.no", "is not a field of record-expiry"),
        ({"payload": [1]}, "payload", "must be a JSON object"),
        (
            {"job": "daily-summary", "payload": {"recipients": ["a@example.com"] * 1_000}},
            "payload",
            "at most 16,384 bytes",
        ),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "is not a time zone"),
        ({"expression": "at(2020-01-01T00:00:00)"}, "expression", "is in the past, it is"),
        ({"expression": "cron(0 0 1 1 ? 2020)"}, "expression", "has no time that is still to come"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "ends_at", "is in the past, it is"),
        ({"starts_at": datetime(2020, 1, 1)}, "starts_at", "has no offset"),  # noqa: DTZ001
        ({"expression": "rate(367 days)"}, "expression", "is more than 366 days: write a cron expression"),
        ({"expression": "at(2200-01-01T07:00:00)"}, "expression", "write a time before the year 2200"),
        ({"starts_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}, "starts_at", "is too far ahead"),
        ({"ends_at": datetime(2200, 1, 1, tzinfo=UTC)}, "ends_at", "is too far ahead"),
        (
            {"expression": "cron(0 0 1 1 ? 2100)", "starts_at": datetime(2101, 1, 1, tzinfo=UTC)},
            "starts_at",
            "has no time from 2101-01-01T00:00:00+00:00 on: write an earlier time",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(
    con: Connection, given: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ScheduleError) as refused:
        make(con, **given)
    assert refused.value.field == field and message in refused.value.message
    assert store.all_schedules(con) == [] and actions(con) == []


def test_an_end_before_the_first_time_is_refused(con: Connection, later: Later) -> None:
    with pytest.raises(ScheduleError, match="ends_at: the schedule has no time before"):
        make(con, expression=at_expression(later(days=2)), time_zone="UTC", ends_at=later(days=1))


def test_a_rate_is_not_refused_by_an_estimate(con: Connection, later: Later) -> None:
    assert make(con, expression="rate(366 days)", ends_at=later(hours=1)).enabled


@pytest.fixture
def one_place_left(con: Connection) -> None:
    """There are as many schedules as a stack may have, but one."""
    make(con)
    con.query(
        """
        INSERT INTO job_schedule (
            name, job, payload, expression, time_zone, enabled,
            created_at, created_by, changed_at, changed_by, checked_to
        )
        SELECT 'n' || number, job, payload, expression, time_zone, enabled,
               created_at, created_by, changed_at, changed_by, checked_to
        FROM job_schedule, generate_series(1, :more::integer) AS number
        """,
        more=store.LIMIT - 2,
    )


@pytest.mark.usefixtures("one_place_left")
def test_there_are_a_thousand_at_most(con: Connection) -> None:
    make(con, "last")
    with pytest.raises(ScheduleError, match="there are 1,000 schedules already"):
        make(con, "one-more")
    assert make(con, "last", payload={"batch_size": 5}).payload
    remove(con, NAME)
    assert make(con, "one-more").enabled


@pytest.mark.usefixtures("one_place_left")
def test_of_two_who_want_the_last_place_one_is_refused(con: Connection, other: Connection) -> None:
    def make_second() -> None:
        with pytest.raises(ScheduleError, match="there are 1,000 schedules already"):
            make(other, "second")

    while_waited_for(con, lambda: make(con, "first"), make_second)
    assert len(store.all_schedules(con)) == store.LIMIT


@pytest.mark.parametrize(
    ("given", "days", "is_kept"),
    [
        ({"expression": "at(2030-01-01T00:00:00)"}, 89, True),
        ({"expression": "at(2030-01-01T00:00:00)"}, 91, False),
        ({"ends_at": datetime(2030, 1, 1, tzinfo=UTC)}, 91, False),
        ({"expression": "rate(2 days)", "ends_at": datetime(2030, 1, 1, tzinfo=UTC)}, 89, True),
        ({"expression": "rate(2 days)", "ends_at": datetime(2030, 1, 1, tzinfo=UTC)}, 91, False),
        ({"enabled": False}, 91, True),
    ],
)
def test_a_schedule_that_is_over_is_purged(
    con: Connection, given: dict[str, Any], days: int, is_kept: bool
) -> None:
    make(con, **given)
    now = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=days)
    config = replace(settings(), failed_run_retention_days=90)
    assert retention.purge_schedules(con, now, settings=config) == (not is_kept)
    assert bool(store.find(con, NAME)) == is_kept
    actors = con.query("SELECT actor FROM job_schedule_event WHERE action = 'deleted'")
    assert actors == ([] if is_kept else [["retention"]])


def test_what_was_changed_lately_is_not_purged(con: Connection) -> None:
    make(con)
    con.query("UPDATE job_schedule SET expression = 'at(2020-01-01T00:00:00)'")
    assert retention.purge_schedules(con, con.now(), settings=settings()) == 0


def test_a_schedule_whose_zone_is_gone_is_not_purged(con: Connection) -> None:
    make(con)
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus', changed_at = '2020-01-01'")
    assert retention.purge_schedules(con, con.now(), settings=settings()) == 0


def test_a_job_that_is_gone_leaves_its_schedules_to_be_deleted(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(con)
    monkeypatch.delitem(JOBS, "record-expiry")
    assert not set_enabled(con, NAME, False, actor="Ada").enabled
    assert remove(con, NAME)
