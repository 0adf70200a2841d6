"""EventBridge Scheduler has the schedules as the rows say, even if people change them there."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError  # type: ignore[import-untyped, unused-ignore]

from dispatcher.app import handler as dispatcher
from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import projection
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.settings import SettingsError, settings
from tests.conftest import STACK, SetVariable

JOB = "record-expiry"
DAILY = "cron(0 7 * * ? *)"
WRITES = ("create_schedule", "update_schedule", "delete_schedule")


class Group:
    """The schedules that EventBridge Scheduler has, and the calls that changed them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = boto3.client("scheduler")
        self.client.create_schedule_group(Name=STACK)
        self.calls: list[str] = []
        self.fails: Callable[[str, str], Exception | None] = lambda call, name: None
        self._client = projection.scheduler()
        for call in ("get_schedule", *WRITES):
            monkeypatch.setattr(self._client, call, self._recording(call))

    def _recording(self, call: str) -> Callable[..., Any]:
        send = getattr(self._client, call)

        def record(**given: Any) -> Any:
            self.calls.append(call)
            if error := self.fails(call, given["Name"]):
                raise error
            return send(**given)

        return record

    def get(self, name: str) -> Any:
        return self.client.get_schedule(Name=name, GroupName=STACK)

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_schedules").paginate(GroupName=STACK)
        return sorted(each["Name"] for page in pages for each in page["Schedules"])

    def change(self, name: str, **members: Any) -> None:
        """Change a schedule by hand."""
        kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "State", "Target")
        found = {key: value for key, value in self.get(name).items() if key in kept}
        self.client.update_schedule(Name=name, GroupName=STACK, **found | members)

    def writes(self) -> list[str]:
        """The calls that changed something, since the last look."""
        found, self.calls = [call for call in self.calls if call in WRITES], []
        return found


@pytest.fixture
def group(con: Connection, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    projection.scheduler.cache_clear()
    monkeypatch.setattr(projection, "_verified", {})
    made = Group(monkeypatch)
    yield made
    made.client.delete_schedule_group(Name=STACK)
    projection.scheduler.cache_clear()


def put(con: Connection, name: str = "nightly", **given: Any) -> Schedule:
    defaults = {"job": JOB, "expression": DAILY, "time_zone": "Europe/Berlin", "actor": "ann"}
    return store.put(con, name, **defaults | given)


def project(con: Connection, now: datetime | None = None, **given: Any) -> int:
    return projection.project(con, now or con.now(), settings=settings(), **given)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No."}}, "CreateSchedule")


def is_in_force(con: Connection, name: str = "nightly") -> bool:
    schedule = store.get(con, name)
    return schedule.in_force == schedule.version


def test_it_is_in_force_from_the_end_of_the_call(
    con: Connection, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = con.now()
    put(con)
    answered = began + timedelta(minutes=2)
    group.fails = lambda call, name: monkeypatch.setattr(Connection, "now", lambda _: answered)
    project(con, began)
    locked = store.lock_history(con, "nightly")
    assert locked and [state.first for state in locked[1]] == [answered]


def test_a_new_schedule_is_made_with_all_that_it_needs(con: Connection, group: Group) -> None:
    ends_at = con.now().replace(microsecond=1) + timedelta(days=400)
    put(con, starts_at=ends_at - timedelta(days=300), ends_at=ends_at)
    assert project(con) == 1 and is_in_force(con)
    found, queue = group.get("nightly"), f"arn:aws:sqs:eu-west-1:123456789012:{STACK}-{JOB}"
    assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == (DAILY, "Europe/Berlin")
    assert (found["State"], found["FlexibleTimeWindow"]) == ("ENABLED", {"Mode": "OFF"})
    assert found["EndDate"] == ends_at.replace(microsecond=0)
    assert (found["Target"]["Arn"], found["Target"]["DeadLetterConfig"]) == (queue, {"Arn": f"{queue}-dead"})
    assert json.loads(found["Target"]["Input"]) == {
        "schedule": "nightly",
        "at": "<aws.scheduler.scheduled-time>",
    }


def test_what_is_right_is_verified_once(con: Connection, group: Group) -> None:
    put(con)
    assert [project(con), project(con)] == [1, 0]
    assert group.calls == ["get_schedule", "create_schedule", "get_schedule"]


def test_a_changed_paused_and_deleted_schedule_follows(con: Connection, group: Group) -> None:
    put(con)
    project(con)
    put(con, expression="rate(1 hour)", time_zone="UTC")
    project(con)
    assert group.get("nightly")["ScheduleExpression"] == "rate(1 hour)"
    store.set_enabled(con, "nightly", False, actor="ann")
    project(con)
    assert group.get("nightly")["State"] == "DISABLED" and is_in_force(con)
    store.remove(con, "nightly", actor="ann")
    assert project(con) == 1 and group.names() == []


@pytest.mark.parametrize(
    "by_hand",
    [
        {"State": "DISABLED"},
        {"ScheduleExpression": "cron(0 8 * * ? *)"},
        {"ScheduleExpressionTimezone": "UTC"},
    ],
)
def test_what_was_changed_by_hand_is_put_right_and_said(
    con: Connection, group: Group, by_hand: dict[str, Any]
) -> None:
    put(con)
    project(con)
    assert not store.get(con, "nightly").paused_in_aws
    before = group.get("nightly")
    group.change("nightly", **by_hand)
    assert project(con) == 1
    after = group.get("nightly")
    assert [after[member] for member in by_hand] == [before[member] for member in by_hand]
    assert store.get(con, "nightly").paused_in_aws and is_in_force(con)
    project(con)
    assert not store.get(con, "nightly").paused_in_aws


def test_what_was_deleted_or_made_by_hand_is_put_right(con: Connection, group: Group) -> None:
    put(con)
    project(con)
    target = group.get("nightly")["Target"]
    group.client.delete_schedule(Name="nightly", GroupName=STACK)
    group.client.create_schedule(
        Name="stray",
        GroupName=STACK,
        ScheduleExpression=DAILY,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    assert project(con) == 2 and group.names() == ["nightly"]


@pytest.mark.parametrize("call", ["create_schedule", "update_schedule"])
def test_what_a_dispatcher_left_half_made_is_finished(con: Connection, group: Group, call: str) -> None:
    if call == "update_schedule":
        put(con)
        project(con)
    changed = put(con, expression="rate(1 hour)")
    project(con)
    con.query("UPDATE job_schedule SET in_force = NULL")
    group.writes()
    project(con)
    assert group.writes() == [] and store.get(con, "nightly").in_force == changed.version


def test_a_refused_schedule_says_why_and_comes_into_force_later(con: Connection, group: Group) -> None:
    put(con)
    group.fails = lambda call, name: refused("ValidationException") if call == "create_schedule" else None
    now = con.now()
    assert project(con, now) == 0 and not is_in_force(con)
    schedule = store.get(con, "nightly")
    assert (schedule.sync_error, schedule.sync_attempts) == ("No. (ValidationException)", 1)
    project(con, now + timedelta(seconds=31))
    group.fails = lambda call, name: None
    assert project(con, now + timedelta(seconds=60)) == 0
    assert project(con, now + timedelta(seconds=92)) == 1
    schedule = store.get(con, "nightly")
    assert is_in_force(con) and (schedule.sync_error, schedule.sync_attempts) == (None, 0)


def test_a_refused_schedule_holds_up_no_other(con: Connection, group: Group) -> None:
    for name in ("a", "b", "c"):
        put(con, name)
    group.fails = lambda call, name: refused("ValidationException") if name == "b" else None
    assert project(con) == 2 and group.names() == ["a", "c"]


def test_a_schedule_whose_zone_is_gone_holds_up_no_other(con: Connection, group: Group) -> None:
    put(con)
    project(con)
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus'")
    put(con, "another")
    assert project(con) == 1 and group.names() == ["another", "nightly"]
    assert "'Mars/Olympus' is not a time zone" in str(store.get(con, "nightly").sync_error)


@pytest.mark.parametrize(
    "error", [refused("ThrottlingException"), ConnectTimeoutError(endpoint_url="https://scheduler")]
)
def test_a_scheduler_in_trouble_is_left_alone_until_later(
    con: Connection, group: Group, error: Exception
) -> None:
    for name in ("a", "b", "c"):
        put(con, name)
    group.fails = lambda call, name: error
    now = con.now()
    assert project(con, now) == 0 and group.calls == ["get_schedule"]
    group.fails = lambda call, name: None
    assert project(con, now) == 2
    assert project(con, now + timedelta(minutes=1)) == 1


def test_a_schedule_that_could_not_be_verified_stays_in_force(con: Connection, group: Group) -> None:
    put(con)
    project(con, checks=False)
    group.fails = lambda call, name: refused("ThrottlingException")
    assert project(con) == 0 and is_in_force(con) and store.get(con, "nightly").sync_error is None


def test_a_schedule_that_cannot_be_put_right_is_not_in_force(con: Connection, group: Group) -> None:
    put(con)
    project(con)
    group.change("nightly", State="DISABLED")
    group.fails = lambda call, name: refused("AccessDeniedException") if call in WRITES else None
    assert project(con) == 0 and not is_in_force(con)
    group.fails = lambda call, name: None
    assert project(con, con.now() + timedelta(minutes=1)) == 1 and is_in_force(con)


def test_a_schedule_that_cannot_be_deleted_is_a_failing_duty(con: Connection, group: Group) -> None:
    put(con)
    project(con)
    store.remove(con, "nightly", actor="ann")
    group.fails = lambda call, name: refused("AccessDeniedException")
    with pytest.raises(PartlyFailed, match=r"nightly: No\. \(AccessDeniedException\)"):
        project(con)


def test_a_change_on_the_way_is_projected_before_the_pass_ends(con: Connection, group: Group) -> None:
    put(con)

    def change_meanwhile(call: str, name: str) -> None:
        if call == "create_schedule":
            with closing(Connection(settings())) as other:
                put(other, expression="rate(1 hour)")

    group.fails = change_meanwhile
    assert project(con) == 2 and is_in_force(con)
    assert group.get("nightly")["ScheduleExpression"] == "rate(1 hour)"


def test_two_dispatchers_do_not_project_the_same_schedule(con: Connection, group: Group) -> None:
    put(con)

    def come_meanwhile(call: str, name: str) -> None:
        if call == "create_schedule":
            with closing(Connection(settings())) as other:
                assert project(other) == 0

    group.fails = come_meanwhile
    assert project(con) == 1 and group.writes() == ["create_schedule"]


def test_a_thousand_schedules_cost_a_bounded_number_of_calls(
    con: Connection, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        put(con, f"each-{number}")
    monkeypatch.setattr(projection, "MAX_CHECKS_PER_PASS", 50)
    assert project(con, checks=False) == 120 and len(group.names()) == 120
    looks = []
    for _ in range(4):
        group.calls.clear()
        project(con)
        looks.append(len(group.calls))
    assert looks == [50, 50, 20, 0]


def test_a_schedule_that_is_over_stays_an_hour(con: Connection, group: Group) -> None:
    at = (con.now() + timedelta(hours=2)).replace(second=0, microsecond=0)
    put(con, expression=f"at({at:%Y-%m-%dT%H:%M:%S})", time_zone="UTC")
    assert project(con) == 1
    assert [project(con, at + timedelta(minutes=59)), group.names()] == [0, ["nightly"]]
    assert [project(con, at + timedelta(minutes=61)), group.names()] == [1, []]
    assert project(con, at + timedelta(minutes=62)) == 0 and is_in_force(con)


def test_a_time_that_is_near_is_not_projected(con: Connection, group: Group) -> None:
    at = (con.now() + timedelta(minutes=6)).replace(second=0, microsecond=0)
    put(con, expression=f"at({at:%Y-%m-%dT%H:%M:%S})", time_zone="UTC")
    assert project(con) == 0 and group.names() == [] and is_in_force(con)


def test_a_start_that_is_over_is_not_sent(con: Connection, group: Group) -> None:
    start = con.now() + timedelta(minutes=20)
    put(con, starts_at=start)
    project(con)
    put(con, starts_at=start, expression="rate(1 hour)")
    later = start + timedelta(minutes=30)
    assert project(con, later) == 1 and "StartDate" not in group.get("nightly")
    assert project(con, later) == 0 and not store.get(con, "nightly").paused_in_aws


def test_the_schedule_of_a_removed_job_waits_for_it(
    con: Connection, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(con)
    project(con)
    now = con.now()
    with monkeypatch.context() as without:
        without.delitem(JOBS, JOB)
        project(con, now)
        assert group.names() == [] and not is_in_force(con)
        assert f"the job {JOB} is not deployed" in str(store.get(con, "nightly").sync_error)
    assert project(con, now + timedelta(minutes=1)) == 1 and is_in_force(con)


@pytest.mark.parametrize("jump", [timedelta(days=-2), timedelta(days=2)])
def test_a_clock_that_jumps_delays_no_schedule(con: Connection, group: Group, jump: timedelta) -> None:
    put(con)
    group.fails = lambda call, name: refused("ThrottlingException")
    now = con.now()
    project(con, now)
    group.fails = lambda call, name: None
    assert project(con, now + jump) == 1 and is_in_force(con)


def test_without_a_group_the_duty_names_the_setting(con: Connection, set_variable: SetVariable) -> None:
    set_variable("SCHEDULE_GROUP", "")
    with pytest.raises(SettingsError, match="SCHEDULE_GROUP"):
        project(con)


def test_a_woken_dispatcher_does_this_duty_only(con: Connection, group: Group, lambda_context: Any) -> None:
    put(con)
    assert dispatcher({"duty": "schedules"}, lambda_context) == {"schedules changed": 1, "failed": {}}
    assert con.query("SELECT count(*) FROM dispatcher_tick") == [[0]]
    assert dispatcher({}, lambda_context)["schedules changed"] == 0


def test_a_locked_row_is_told_and_holds_up_no_other(
    con: Connection, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        put(con, name)
    con.query("SET lock_timeout = '50ms'")
    with closing(Connection(settings())) as other, other.transaction():
        other.query("SELECT FROM job_schedule WHERE name = 'a' FOR UPDATE")
        with pytest.raises(PartlyFailed, match="a: another session has locked a row"):
            project(con)
    con.query("RESET lock_timeout")
    assert is_in_force(con, "b") and not is_in_force(con, "a")
    assert project(con) == 0 and is_in_force(con, "a")
