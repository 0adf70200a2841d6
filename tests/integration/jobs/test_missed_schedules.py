"""What of the schedules made at run time is missed: what was in force, and has no run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.dispatcher import schedules as dispatcher
from slowmatch.jobs.queries import health, warnings
from slowmatch.jobs.queries.queue_depths import Depths
from slowmatch.jobs.schedules import store
from slowmatch.jobs.schedules.model import Schedule
from tests.integration.jobs.conftest import Work
from tests.integration.jobs.run_time_schedules import NAME, make, start

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
