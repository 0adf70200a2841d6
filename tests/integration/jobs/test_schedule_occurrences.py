"""The occurrences of schedules made at run time: which message starts a run, and with which payload."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import actions, pause
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.store import remove, set_enabled
from slowmatch.jobs.schedules.timing import ScheduleError
from tests.integration.jobs.conftest import Queues, Work
from tests.integration.jobs.run_time_schedules import AT, NAME, at_expression, make, start

Later = Callable[..., datetime]


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
        {"expression": "at(2099-12-01T07:05:00)"},
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
    actions.change(con, action, ids=[work.run().id], actor="Ada")
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


def test_a_message_of_a_schedule_whose_zone_is_gone_stays_in_the_queue(con: Connection, work: Work) -> None:
    make(con)
    con.query("UPDATE job_schedule SET time_zone = 'Mars/Olympus'")
    assert start(work) == ["1"] and work.runs() == []
