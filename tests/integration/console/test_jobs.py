"""/jobs and the page of one job: its card, its figures and its last runs."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from console.web import render
from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher import schedules
from slowmatch.jobs.model import RunState
from slowmatch.jobs.queries.job_summaries import EndedRun
from slowmatch.jobs.schedules.history import RuleState
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import job_card, set_schedule


def test_every_job_says_what_it_does(browser: FakeBrowser) -> None:
    page = browser.get("/jobs")
    assert page.status == 200
    for spec in JOBS.values():
        assert spec.description in job_card(page, spec.name)


def test_a_schedule_is_described_with_its_next_five_times(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    page = browser.get("/jobs")
    assert "Every day at 02:00 UTC cron(0 2 * * ? *)" in job_card(page)
    (firings,) = re.findall(r'<ol class="next-times".*?</ol>', page.text, re.S)
    times = [datetime.fromisoformat(at) for at in re.findall(r'datetime="(.*?)"', firings)]
    assert len(times) == 5
    assert {(at.hour, at.minute) for at in times} == {(2, 0)}


def test_an_unread_schedule_and_a_disabled_rule_are_named(browser: FakeBrowser, con: Connection) -> None:
    assert "Not known yet." in job_card(browser.get("/jobs"))
    set_schedule(con)
    con.query("UPDATE job SET schedule_enabled = false")
    assert "disabled in EventBridge" in job_card(browser.get("/jobs"))


def test_the_last_run_stands_with_state_duration_and_error(browser: FakeBrowser, con: Connection) -> None:
    error, took = "Boom: the disk is full", timedelta(seconds=3.2)
    run_id = run_factory.make_run(con, "failed", 60, job="db-cleanup", took=took, error=error)
    page = browser.get("/jobs")
    assert re.search(r"Last run failed .* took 3\.2 s", job_card(page))
    assert re.search(rf'href="/runs/{run_id}"[^>]*>Boom: the disk is full</a>', page.text)


def test_the_sparkline_s_bars_are_as_high_as_runs_took(browser: FakeBrowser, con: Connection) -> None:
    for state, seconds in (("succeeded", 1), ("failed", 2), ("succeeded", 4)):
        run_factory.make_run(con, state, 60, job="db-cleanup", took=timedelta(seconds=seconds))
    page = browser.get("/jobs")
    bars = re.findall(r'<rect class="(\w+)"[^>]* height="([\d.]+)"', page.text)
    assert bars == [("succeeded", "8.0"), ("failed", "16.0"), ("succeeded", "32.0")]
    assert 'aria-label="Last 3 runs: 2 succeeded, 1 failed; the longest took 4.0 s"' in page.text


ENDED: list[tuple[RunState, int | None]] = [
    ("succeeded", 500),
    ("deleted", 300_000),
    ("succeeded", 1_000),
    ("failed", None),
]


@pytest.mark.usefixtures("environment")
def test_a_deleted_run_does_not_dwarf_the_others_in_the_sparkline() -> None:
    recent = [EndedRun("an id", state, datetime(2026, 11, 24, 2, tzinfo=UTC), ms) for state, ms in ENDED]
    sparkline = render.templates().get_template("job_macros.html").module.sparkline(recent)  # type: ignore[attr-defined]
    assert [float(height) for height in re.findall(r' height="([\d.]+)" rx', sparkline)] == [16, 32, 32, 3]


def test_figures_of_seven_days_missed_runs_and_waiting_runs(browser: FakeBrowser, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_hour (job, hour, succeeded, failed, p50_ms, p95_ms)
        VALUES ('db-cleanup', date_trunc('hour', now() - interval '3 hours', 'UTC'), 3, 1, 840, 3200)
        """
    )
    con.query("INSERT INTO job_missed (job, occurrence, noticed_at) VALUES ('db-cleanup', now(), now())")
    enqueue(con, "db-cleanup")
    said = job_card(browser.get("/jobs"))
    assert "Success, 7 days 75.0 %" in said
    assert "p50 / p95 840 ms / 3.2 s" in said
    assert "Missed runs 1" in said
    assert "Waiting to start 1" in said


def test_an_unknown_job_names_those_in_the_catalog(browser: FakeBrowser) -> None:
    for page in (browser.get("/jobs/nightly"), browser.post("/jobs/nightly/run")):
        assert (page.status, ", ".join(JOBS) in page.text) == (404, True)


def test_the_page_of_a_job_lists_its_last_runs(browser: FakeBrowser, con: Connection) -> None:
    made = [run_factory.make_run(con, "failed", 60, job="db-cleanup") for _ in range(21)]
    other = run_factory.make_run(con, "succeeded", 60)
    page = browser.get("/jobs/db-cleanup").text
    assert re.findall(r'<tr id="run-(.*?)"', page) == sorted(made, reverse=True)[:20]
    assert other not in page
    assert 'href="/dashboard/runs?job=db-cleanup"' in page


def test_a_job_that_people_start_has_a_form_and_no_pause(browser: FakeBrowser, con: Connection) -> None:
    schedules.store(con, "send-test-mail", RuleState(None, False, con.now(), con.now()))
    shown = job_card(browser.get("/jobs"), "send-test-mail")
    assert "started by people and API clients" in shown
    assert [word for word in ("Pause", "Run now", "Missed") if word in shown] == []
    assert 'id="job-send-test-mail"' not in browser.get("/dashboard/schedules").text
    assert browser.post("/jobs/send-test-mail/pause").status == 409
