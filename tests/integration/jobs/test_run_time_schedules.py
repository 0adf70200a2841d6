"""Schedules made at run time: put, removed, paused; their occurrences; what of them is missed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import on_connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import retention
from slowmatch.jobs.dispatcher import schedules as dispatcher
from slowmatch.jobs.lifecycle import actions as actions_on_runs
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import health, warnings
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import NEW, Schedule, ScheduleConflict
from slowmatch.jobs.schedules.store import put, remove, set_enabled
from slowmatch.jobs.schedules.timing import ScheduleError
from slowmatch.settings import settings
from tests.integration.jobs.conftest import Queues, Work, while_waited_for

NAME = "every-morning"
MORNING = "cron(0 7 * * ? *)"
AT = "2026-12-01T06:00:00Z"
Later = Callable[..., datetime]


def make(con: Connection, name: str = NAME, **given: Any) -> Schedule:
    wanted = {"job": "record-expiry", "expression": MORNING, "time_zone": "Europe/Berlin"} | given
    return put(con, name, **wanted)


def actions(con: Connection) -> list[str]:
    return [action for (action,) in con.query("SELECT action FROM job_schedule_event ORDER BY id")]


def at_expression(moment: datetime) -> str:
    return f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M}:00)"


def start(work: Work, name: str = NAME, at: str = AT, sent: datetime | None = None) -> list[str]:
    """Deliver the message of a schedule; the ids of those that SQS has to keep."""
    message: dict[str, Any] = {"messageId": "1", "body": f'{{"schedule": "{name}", "at": "{at}"}}'}
    if sent:
        message |= {"attributes": {"SentTimestamp": str(round(sent.timestamp() * 1000))}}
    answer = work.invoke({"Records": [message]})
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


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


def test_an_occurrence_has_one_run_with_the_payload_of_now(con: Connection, work: Work) -> None:
    make(con, payload={"batch_size": 5})
    make(con, payload={"batch_size": 6})
    assert start(work) == start(work) == []
    run = work.run()
    assert (run.state, run.trigger, run.schedule, run.payload) == (
        "succeeded",
        "schedule",
        NAME,
        {"batch_size": 6},
    )
    assert run.occurrence == datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_each_schedule_of_a_job_has_its_own_occurrence(con: Connection, work: Work) -> None:
    make(con)
    make(con, "also")
    work.start_occurrence(AT)
    start(work)
    start(work, "also")
    assert [run.schedule for run in work.runs()] == [None, NAME, "also"]


def test_a_message_without_its_time_is_of_the_latest_occurrence(con: Connection, work: Work) -> None:
    make(con, expression="cron(0/15 * * * ? *)")
    start(work, at="<aws.scheduler.scheduled-time>", sent=datetime(2026, 12, 1, 6, 1, 30, tzinfo=UTC))
    assert work.run().occurrence == datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_a_message_long_after_its_unknown_time_starts_nothing(con: Connection, work: Work) -> None:
    make(con)
    start(work, at="<aws.scheduler.scheduled-time>", sent=datetime(2026, 12, 1, 7, 30, tzinfo=UTC))
    assert work.runs() == []


@pytest.mark.parametrize("at", ["tomorrow", "2026-12-01T06:00:00", ""])
def test_a_message_without_a_time_goes_to_the_dead_letters(con: Connection, work: Work, at: str) -> None:
    make(con)
    assert start(work, at=at) == ["1"] and work.runs() == []


def test_messages_of_what_is_no_longer_valid_start_nothing(con: Connection, work: Work) -> None:
    start(work)
    make(con, starts_at=datetime(2026, 12, 1, 7, tzinfo=UTC))
    start(work)
    make(con, job="db-cleanup")
    assert start(work) == [] and work.runs() == []


@pytest.mark.parametrize(
    "given",
    [
        {"expression": "cron(0 22 * * ? *)", "time_zone": "America/New_York"},
        {"expression": "cron(5 7 * * ? *)"},
        {"expression": "at(2026-12-01T07:05:00)"},
    ],
)
@pytest.mark.parametrize("is_made_again", [True, False])
def test_a_message_of_a_time_that_it_has_no_longer_starts_nothing(
    con: Connection, work: Work, given: dict[str, Any], is_made_again: bool
) -> None:
    make(con)
    if is_made_again:
        remove(con, NAME)
    make(con, **given)
    assert start(work) == [] and work.runs() == []


def test_a_rate_starts_a_run_at_whatever_time_aws_counts(con: Connection, work: Work) -> None:
    make(con, expression="rate(2 hours)")
    start(work, at="2026-12-01T07:13:00Z")
    assert work.run().state == "succeeded"


def test_a_message_during_a_pause_leaves_a_deleted_run(con: Connection, work: Work) -> None:
    make(con, payload={"batch_size": 5})
    set_enabled(con, NAME, False, actor="Ada")
    assert start(work) == start(work) == []
    run = work.run()
    assert (run.state, run.schedule, run.payload) == ("deleted", NAME, {"batch_size": 5})
    assert work.events(run.id)[0][2] == "skipped: the schedule was paused"


def test_a_paused_rule_does_not_pause_other_schedules(con: Connection, work: Work) -> None:
    make(con)
    pause.pause(con, "record-expiry", "Ada", None, now=con.now())
    start(work)
    assert work.run().state == "succeeded"


def test_an_occurrence_during_a_run_is_skipped(con: Connection, work: Work) -> None:
    make(con)
    work.handler = lambda context: start(work)
    work.start_occurrence("2026-12-01T05:00:00Z")
    skipped = next(run for run in work.runs() if run.schedule)
    assert skipped.state == "deleted" and "still processing" in work.events(skipped.id)[0][2]


def test_a_payload_that_is_no_longer_accepted_fails_for_good(con: Connection, work: Work) -> None:
    make(con)
    con.query("UPDATE job_schedule SET payload = '{\"gone\": 1}'")
    assert start(work) == []
    run = work.run()
    assert run.state == "failed" and "schedule every-morning has a payload that record-expiry" in str(
        run.error
    )
    assert work.seen == []


def test_it_is_run_by_hand_with_its_payload(con: Connection, work: Work, queues: Queues) -> None:
    make(con, payload={"batch_size": 5})
    run_id = store.run_now(con, NAME, actor="Ada")
    run = work.run()
    assert (run.id, run.schedule, run.occurrence, run.payload) == (run_id, NAME, None, {"batch_size": 5})
    assert queues.take() == [{"run_id": run_id, "attempt": 1}]


def test_a_single_time_that_is_near_is_a_delayed_run(
    con: Connection, work: Work, queues: Queues, later: Later
) -> None:
    soon = later(minutes=5)
    made = make(con, expression=at_expression(soon), time_zone="UTC")
    run = work.run()
    assert made.is_delayed_run and (run.state, run.schedule) == ("scheduled", NAME)
    assert run.occurrence == run.due_at == soon.replace(second=0, microsecond=0)
    assert queues.delayed() == 1
    make(con, expression=made.expression, time_zone="UTC", payload={"batch_size": 5})
    assert [each.payload for each in work.runs()] == [{"batch_size": 5}]
    set_enabled(con, NAME, False, actor="Ada")
    assert work.runs() == []
    set_enabled(con, NAME, True, actor="Ada")
    assert len(work.runs()) == 1
    remove(con, NAME)
    assert work.runs() == []


@pytest.mark.parametrize(
    "stop", [remove, lambda con, name: set_enabled(con, name, False, actor="Ada")], ids=["remove", "pause"]
)
def test_a_delayed_run_whose_message_is_late_goes_with_its_schedule(
    con: Connection, work: Work, later: Later, monkeypatch: pytest.MonkeyPatch, stop: Callable[..., Any]
) -> None:
    make(con, expression=at_expression(later(minutes=5)), time_zone="UTC")
    run, due = work.run(), later(minutes=6)
    monkeypatch.setattr(Connection, "now", lambda _: due)
    stop(con, NAME)
    work.deliver({"run_id": run.id, "attempt": 1})
    assert work.runs() == [] and work.seen == []


@pytest.mark.parametrize("action", ["run-now", "delete"])
def test_a_single_time_is_over_with_its_delayed_run(
    con: Connection, work: Work, later: Later, action: str
) -> None:
    soon = {"expression": at_expression(later(minutes=5)), "time_zone": "UTC"}
    made = make(con, **soon)
    assert made.delayed_run == work.run().id and len(made.next_times(con.now())) == 1
    actions_on_runs.change(con, action, ids=[work.run().id], actor="Ada")
    assert store.get(con, NAME).next_times(con.now()) == []
    with pytest.raises(
        ScheduleError, match=r"expression: .* has started or was deleted: choose another time"
    ):
        make(con, **soon, payload={"batch_size": 5})
    assert len(work.runs()) == 1 and store.get(con, NAME).payload == {}
    set_enabled(con, NAME, False, actor="Ada")
    assert set_enabled(con, NAME, True, actor="Ada").next_times(con.now()) == []
    again = make(con, expression=at_expression(later(minutes=7)), time_zone="UTC")
    assert again.delayed_run and len(work.runs()) == 2


def test_a_single_time_that_is_far_is_no_run_yet(con: Connection, work: Work, later: Later) -> None:
    made = make(con, expression=at_expression(later(minutes=12)), time_zone="UTC")
    assert not made.is_delayed_run and work.runs() == []


HOURLY = "cron(0 * * * ? *)"


@pytest.fixture
def hourly(con: Connection) -> Schedule:
    """A schedule that is in force, and was checked up to 10:30."""
    made = make(con, expression=HOURLY, actor="Ada")
    in_force_at(con, made, "10:00")
    con.query("UPDATE job_schedule SET checked_to = '2026-11-24T10:30:00Z'")
    return made


def clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{text}:00+00:00")


def in_force_at(con: Connection, schedule: Schedule, text: str) -> None:
    con.query("UPDATE job_schedule SET checked_to = '2026-11-24T09:00:00Z' WHERE history = '[]'")
    assert store.mark_in_force(con, schedule, clock(text))


def missed(con: Connection) -> list[list[Any]]:
    return con.query(
        "SELECT job, schedule, to_char(occurrence, 'HH24:MI') FROM job_missed ORDER BY occurrence"
    )


def test_an_occurrence_without_a_run_is_missed(con: Connection, work: Work, hourly: Schedule) -> None:
    start(work, at="2026-11-24T11:00:00Z")
    assert dispatcher.report_missed(con, clock("13:15")) == 2
    assert dispatcher.report_missed(con, clock("13:15")) == 0
    assert missed(con) == [["record-expiry", NAME, "12:00"], ["record-expiry", NAME, "13:00"]]
    ((detail,),) = con.query("SELECT detail ->> 'schedule' FROM notification LIMIT 1")
    assert detail == NAME


def test_a_warning_names_the_schedules_that_missed_runs(con: Connection, hourly: Schedule) -> None:
    dispatcher.report_missed(con, clock("13:15"))
    facts = health.facts(con, clock("13:16"))
    found = warnings.problems(facts, Depths({}, None), timedelta(), clock("13:16"))
    (text,) = [problem.text for problem in found if problem.kind == "missed_runs"]
    assert text == "3 scheduled runs were missed in the last 24 hours (schedules: every-morning)"


def test_a_schedule_whose_zone_is_gone_hides_nothing_of_others(con: Connection, hourly: Schedule) -> None:
    in_force_at(con, make(con, "also", expression=HOURLY), "10:00")
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus' WHERE name = 'also'")
    dispatcher.report_missed(con, clock("13:15"))
    assert {at for _, name, at in missed(con) if name == NAME} == {"11:00", "12:00", "13:00"}


def test_a_message_of_a_schedule_whose_zone_is_gone_stays_in_the_queue(con: Connection, work: Work) -> None:
    make(con)
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus'")
    assert start(work) == ["1"] and work.runs() == []


def test_what_was_never_in_force_is_not_missed(con: Connection) -> None:
    make(con, expression=HOURLY)
    con.query("UPDATE job_schedule SET checked_to = '2026-11-24T10:30:00Z'")
    assert dispatcher.report_missed(con, clock("13:15")) == 0


def test_an_occurrence_is_missed_by_the_version_of_its_time(
    con: Connection, hourly: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "now", lambda _: clock("11:30"))
    changed = make(con, expression="cron(45 * * * ? *)")
    in_force_at(con, changed, "12:30")
    dispatcher.report_missed(con, clock("13:15"))
    assert [at for _, _, at in missed(con)] == ["11:00", "12:45"]


def test_a_new_payload_does_not_hide_what_is_missed(con: Connection, hourly: Schedule) -> None:
    make(con, expression=HOURLY, payload={"batch_size": 5})
    assert dispatcher.report_missed(con, clock("13:15")) == 3


def test_a_time_that_the_clocks_skip_is_not_missed(con: Connection) -> None:
    made = make(con, expression="cron(30 2 * * ? *)")
    night = datetime(2027, 3, 28, 0, tzinfo=UTC)
    con.query("UPDATE job_schedule SET checked_to = :night", night=night)
    store.mark_in_force(con, made, night)
    assert dispatcher.report_missed(con, night + timedelta(hours=12)) == 0


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
