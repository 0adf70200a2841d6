"""The page Upcoming: a row for each job on one axis, overlaps, the busiest moment, and the list behind it."""

import re
from datetime import timedelta
from html import unescape

import pytest

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import upcoming
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import set_schedule

pytestmark = pytest.mark.usefixtures("half_past")
ADDRESS = "/dashboard/upcoming"
HOURLY = "cron(0 * * * ? *)"


def expect_duration(con: Connection, job: str, minutes: float) -> None:
    """The median duration of the job's runs in the last days."""
    con.query(
        "INSERT INTO job_hour (job, hour, succeeded, p50_ms, p95_ms)"
        " VALUES (:job, date_trunc('hour', now() - interval '3 hours', 'UTC'), 1, :ms, :ms)",
        job=job,
        ms=minutes * 60_000,
    )


def retry_in(con: Connection, minutes: float, job: str = "db-cleanup") -> str:
    due = con.now() + timedelta(minutes=minutes)
    return run_factory.make_run(con, "scheduled", job=job, retries=1, due=due)


def lane(page: Page, job: str) -> str:
    found = re.search(rf'<li id="lane-{job}">.*?</li>', page.text, re.S)
    return found[0] if found else ""


def said(page: Page) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text)))


def listed(page: Page) -> list[str]:
    """The lines of the list, as people read them."""
    table = page.text.partition('id="upcoming-list"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    lines = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", line)).strip() for line in table.split("<tr>")[1:]]
    return [unescape(line) for line in lines]


def test_without_schedules_and_runs_it_says_what_would_be_here(browser: FakeBrowser) -> None:
    page = browser.get(ADDRESS)
    assert (page.status, "Nothing is planned" in page.text, 'id="axis"' in page.text) == (200, True, False)


@pytest.mark.parametrize(("window", "expression", "bars"), [("24h", HOURLY, 24), ("7d", "rate(2 hours)", 84)])
def test_a_schedule_has_a_bar_for_each_time(
    browser: FakeBrowser, con: Connection, window: str, expression: str, bars: int
) -> None:
    set_schedule(con, expression=expression)
    page = browser.get(f"{ADDRESS}?window={window}")
    assert lane(page, "db-cleanup").count('<rect class="schedule tick"') == bars
    assert f'href="{ADDRESS}?window={window}" aria-current="true"' in page.text


def test_a_bar_is_as_long_as_the_median_run(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con, expression=HOURLY)
    expect_duration(con, "db-cleanup", 36)
    page = browser.get(ADDRESS)
    assert 'x="2.083%" y="10" width="2.5%"' in lane(page, "db-cleanup")
    assert listed(page)[0].endswith("db-cleanup Scheduled: every hour, on the hour 36 m 0 s")


def test_every_minute_for_a_week_is_one_band_and_one_line(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con, expression="rate(1 minute)")
    page = browser.get(f"{ADDRESS}?window=7d")
    assert lane(page, "db-cleanup").count("<rect") == 1 and 'class="band"' in lane(page, "db-cleanup")
    assert [("every minute and so on" in line) for line in listed(page)] == [True]
    assert len(page.text) < 20_000


def test_a_paused_schedule_is_shown_as_paused(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    pause.pause(con, "db-cleanup", "ada", None, now=con.now())
    page = browser.get(ADDRESS)
    assert 'class="paused-note">Paused' in lane(page, "db-cleanup")
    assert '<rect class="paused"' in lane(page, "db-cleanup")
    assert "paused: no run will start" in listed(page)[0]
    assert "Busiest" not in page.text


def test_delayed_runs_and_retries_lead_to_their_runs(browser: FakeBrowser, con: Connection) -> None:
    delayed = enqueue(con, "db-cleanup", due_at=con.now() + timedelta(hours=2)).run_id
    retry = retry_in(con, 300)
    retry_in(con, 25 * 60)
    page = browser.get(ADDRESS)
    for run_id, kind in ((delayed, "delayed"), (retry, "retry")):
        assert re.search(
            rf'<a href="/runs/{run_id}" tabindex="-1"[^>]*>\s*<rect class="{kind}', lane(page, "db-cleanup")
        )
    assert len(listed(page)) == 2
    assert len(listed(browser.get(f"{ADDRESS}?window=7d"))) == 3


def test_runs_that_are_close_together_are_one_bar(browser: FakeBrowser, con: Connection) -> None:
    for minutes in (60, 61, 62, 180):
        retry_in(con, minutes)
    row = lane(browser.get(ADDRESS), "db-cleanup")
    assert row.count("<rect") == 2
    assert "3 runs waiting for a retry" in row and '<a href="/dashboard/scheduled?job=db-cleanup"' in row


def test_overlaps_of_one_job_are_said_with_what_then_happens(browser: FakeBrowser, con: Connection) -> None:
    expect_duration(con, "db-cleanup", 60)
    retry_in(con, 60)
    retry_in(con, 90)
    page = browser.get(ADDRESS)
    assert '<rect class="retry late" x="6.' in lane(page, "db-cleanup")
    assert (
        "db-cleanup: 1 run is due while another one is expected to be running. A scheduled run is then"
        in said(page)
    )
    assert [("expected to overlap" in line) for line in listed(page)] == [False, True]


def test_the_busiest_moment_names_its_jobs(browser: FakeBrowser, con: Connection) -> None:
    retry_in(con, 60)
    retry_in(con, 90, "daily-summary")
    assert "No two jobs are expected to run at the same time." in said(browser.get(ADDRESS))
    expect_duration(con, "db-cleanup", 45)
    set_schedule(con, "record-expiry", "rate(1 minute)")
    text = said(browser.get(ADDRESS))
    assert re.search(r"Busiest moment: 2 jobs at once, .*: daily-summary, db-cleanup\.", text)
    assert "Not counted: record-expiry, which runs every minute." in text


def test_of_very_many_delayed_runs_the_first_are_shown(browser: FakeBrowser, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at)
        SELECT uuidv7(), 'db-cleanup', 'scheduled', false, 'api', 11, now() + number * interval '1 minute', now()
        FROM generate_series(45, 45 + CAST(:number AS integer)) AS number
        """,
        number=upcoming.MAX_DELAYED_RUNS,
    )
    page = browser.get(ADDRESS)
    assert "More than 500 delayed runs and retries are due in the next 24 hours." in page.text
    assert "These are the first 100 of 500." in page.text


@pytest.mark.parametrize("window", ["1h", "30d", "%00", "'", "x" * 5000, "%3Cscript%3E", "💥"])
def test_an_unknown_time_span_is_refused(browser: FakeBrowser, window: str) -> None:
    page = browser.get(f"{ADDRESS}?window={window}")
    assert (page.status, "<script>" in page.text) == (422, False)


def test_a_poll_within_the_minute_finds_nothing_new(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    retry_in(con, 60)
    first = browser.get(ADDRESS)
    assert browser.get(ADDRESS, if_none_match=first.headers["ETag"]).status == 304
