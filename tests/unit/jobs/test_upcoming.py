"""What is upcoming: occurrences at the ends of the time span, caps, overlaps and the busiest moment."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.jobs import cron_description
from slowmatch.jobs.queries import upcoming
from slowmatch.jobs.queries.job_summaries import Depth, JobSummary, Paused
from slowmatch.jobs.queries.upcoming import MAX_OCCURRENCES, BusiestMoment, DelayedRun, Occurrence
from slowmatch.jobs.schedules.model import Schedule

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
RUN = "019ac000-0000-7000-8000-000000000001"


def job(name: str = "a", schedule: str | None = "cron(0 * * * ? *)", **given: Any) -> JobSummary:
    usual: dict[str, Any] = dict.fromkeys(each.name for each in fields(JobSummary))
    usual |= {"schedule_enabled": True, "queue_depth": Depth(0, False)}
    words = cron_description.describe(schedule) if schedule else None
    return JobSummary(**(usual | {"name": name, "schedule": schedule, "words": words} | given))


def found(
    *jobs: JobSummary,
    schedules: tuple[Schedule, ...] = (),
    runs: tuple[DelayedRun, ...] = (),
    ahead: timedelta = 2 * HOUR,
) -> list[Occurrence]:
    return list(upcoming.occurrences(jobs, schedules, runs, NOW, NOW + ahead))


def made(
    name: str = "nightly", job: str = "a", expression: str = "cron(0 * * * ? *)", **given: Any
) -> Schedule:
    """A schedule that was made at run time."""
    usual: dict[str, Any] = dict.fromkeys(each.name for each in fields(Schedule))
    usual |= {"time_zone": "UTC", "enabled": True, "changed_at": NOW - HOUR}
    return Schedule(**(usual | {"name": name, "job": job, "expression": expression} | given))


def due(name: str, *minutes: float, kind: upcoming.Kind = "schedule") -> list[Occurrence]:
    return [Occurrence(name, "hourly", NOW + each * MINUTE, kind) for each in minutes]


def test_now_is_over_and_the_end_is_upcoming() -> None:
    assert [each.at for each in found(job())] == [NOW + HOUR, NOW + 2 * HOUR]
    assert found(job())[0] == Occurrence("a", "every hour, on the hour", NOW + HOUR, "schedule")


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({"paused": Paused(NOW, "ada", None)}, {"paused"}),
        ({"disabled": "it has no settings"}, {"disabled"}),
        ({"schedule_enabled": False}, set()),
        ({"schedule": None}, set()),
        ({"schedule": "cron(0 0 31 2 ? *)"}, set()),
        ({"schedule": "not a schedule"}, set()),
    ],
)
def test_a_schedule_that_starts_nothing_says_why(given: dict[str, Any], kinds: set[str]) -> None:
    assert {each.kind for each in found(job(**given))} == kinds


@pytest.mark.parametrize(
    ("of_job", "given", "kinds"),
    [
        ({}, {}, ["schedule", "schedule"]),
        ({}, {"enabled": False}, ["paused", "paused"]),
        ({"paused": Paused(NOW, "ada", None)}, {}, ["schedule", "schedule"]),
        ({"disabled": "it has no settings"}, {}, ["disabled", "disabled"]),
        ({}, {"ends_at": NOW + 2 * HOUR}, ["schedule"]),
        ({}, {"expression": "at(2026-11-24T02:05:00)", "changed_at": NOW}, []),  # it is a delayed run
        ({}, {"job": "removed"}, []),
    ],
)
def test_a_made_schedule_is_due_beside_its_job_s_rule(
    of_job: dict[str, Any], given: dict[str, Any], kinds: list[str]
) -> None:
    times = found(job("a", None, **of_job), schedules=(made(**given),))
    assert [(each.schedule, each.kind) for each in times] == [("nightly", kind) for kind in kinds]


def test_a_made_schedule_is_due_by_the_clock_of_its_zone() -> None:
    (berlin,) = found(
        job("a", None), schedules=(made(expression="cron(0 4 * * ? *)", time_zone="Europe/Berlin"),)
    )
    assert (berlin.at, berlin.name) == (NOW + HOUR, "every day at 04:00 Europe/Berlin")


def test_waiting_runs_are_delayed_retries_or_held_back() -> None:
    jobs = job("a", None), job("b", None, disabled="it has no settings")
    runs = (
        DelayedRun(RUN, "a", NOW + HOUR, 0),
        DelayedRun(RUN, "a", NOW + HOUR, 3),
        DelayedRun(RUN, "b", NOW + HOUR, 3),
        DelayedRun(RUN, "removed", NOW + HOUR, 0),
        DelayedRun(RUN, "a", NOW, 0),
        DelayedRun(RUN, "a", NOW + 3 * HOUR, 0),
    )
    assert [(each.job, each.kind, each.is_run) for each in found(*jobs, runs=runs)] == [
        ("a", "delayed", True),
        ("a", "retry", True),
        ("b", "held", True),
    ]


@pytest.mark.parametrize("schedule", ["rate(1 minute)", "cron(* * * * ? *)"])
def test_of_a_frequent_schedule_only_the_first_are_computed(schedule: str) -> None:
    week = found(job("a", schedule), job("b", "rate(2 hours)"), ahead=timedelta(days=7))
    assert sum(each.job == "a" for each in week) == MAX_OCCURRENCES + 1
    assert upcoming.frequent_schedules(week) == {("a", "")}


def test_of_many_schedules_fewer_times_each_are_computed() -> None:
    most = upcoming.most_of_each(1_000)
    schedules = tuple(made(f"n{number}", expression="cron(*/5 * * * ? *)") for number in range(3))
    jobs = [job("a", None)]
    times = [*upcoming.occurrences(jobs, schedules, (), NOW, NOW + timedelta(days=7), most)]
    assert len(times) == 3 * (most + 1) < 40
    assert len(upcoming.frequent_schedules(times, most)) == 3
    assert upcoming.most_of_each(100) == upcoming.most_of_each(0) == MAX_OCCURRENCES


def test_two_schedules_of_a_job_are_frequent_each_by_itself() -> None:
    week = found(
        job("a", "rate(2 hours)"),
        schedules=(made("often", expression="rate(1 minute)"), made("seldom", expression="rate(2 hours)")),
        ahead=timedelta(days=7),
    )
    assert upcoming.frequent_schedules(week) == {("a", "often")}


def test_many_waiting_runs_make_no_schedule_frequent() -> None:
    assert upcoming.frequent_schedules(due("a", *range(300), kind="retry")) == set()


def test_runs_of_one_job_overlap_until_the_end_of_the_earlier_one() -> None:
    hourly = due("a", 0, 10, 19.9, 30, 50) + due("b", 5)
    late = upcoming.overlapping(hourly, {"a": 20 * MINUTE, "b": HOUR})
    assert sorted(each.at for each in late) == [NOW + minutes * MINUTE for minutes in (10, 19.9, 30)]


def test_what_will_not_start_and_what_is_unknown_overlaps_nothing() -> None:
    assert upcoming.overlapping(due("a", 0, kind="paused") + due("a", 1), {"a": HOUR}) == set()
    assert upcoming.overlapping(due("a", 0, 0, 1), {}) == set()


def test_the_busiest_moment_is_the_first_with_most_jobs() -> None:
    plan = due("a", 0, 60, 90) + due("b", 30, 61) + due("c", 60) + due("d", 60, kind="paused")
    expected = {"a": 30 * MINUTE, "b": 10 * MINUTE, "c": 5 * MINUTE}
    assert upcoming.busiest_moment(plan, expected) == BusiestMoment(NOW + 61 * MINUTE, ["a", "b", "c"])


def test_a_run_that_ends_when_another_starts_is_over() -> None:
    busiest = upcoming.busiest_moment(due("a", 0) + due("b", 30), {"a": 30 * MINUTE})
    assert busiest == BusiestMoment(NOW, ["a"])


def test_runs_of_unknown_duration_meet_at_their_start() -> None:
    assert upcoming.busiest_moment(due("a", 5) + due("b", 5), {}) == BusiestMoment(
        NOW + 5 * MINUTE, ["a", "b"]
    )
    assert upcoming.busiest_moment(due("a", 5, kind="held"), {}) is None
