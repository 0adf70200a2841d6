"""The page of one job: what it is doing, its charts, its errors and its schedule, in one order."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs import enqueue
from slowmatch.jobs.dispatcher.rollup import roll_up
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import job_card, set_schedule

pytestmark = pytest.mark.usefixtures("half_past")
JOB = "db-cleanup"
PAGE = f"/jobs/{JOB}"


def hour(con: Connection, ago: int = 0) -> datetime:
    return con.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)


def make(con: Connection, state: str, minutes: float, **given: Any) -> str:
    """A run created so many minutes after this hour began."""
    created = hour(con) + timedelta(minutes=minutes)
    ago = (datetime.now(UTC) - created).total_seconds()
    return run_factory.make_run(con, state, ago, **({"job": JOB} | given))


def count(con: Connection, ago: int, job: str = JOB, **figures: Any) -> None:
    """Figures of an hour, as the dispatcher counts them."""
    names = ", ".join(figures)
    con.query(
        f"INSERT INTO job_hour (job, hour, {names}) SELECT :job, CAST(:hour AS timestamptz), {names}"
        " FROM jsonb_populate_record(CAST(NULL AS job_hour), CAST(:figures AS jsonb))",
        job=job,
        hour=hour(con, ago),
        figures=figures,
    )


def chart(browser: FakeBrowser, name: str, window: str = "24h") -> str:
    """A chart with the table behind it."""
    found = re.search(
        rf'<figure class="chart[^"]*" id="{name}".*?</figure>',
        browser.get(f"{PAGE}?window={window}").text,
        re.S,
    )
    assert found
    return unescape(found[0])


def test_the_page_has_one_order(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    run_factory.make_run(con, "succeeded", 60, job=JOB)
    page = browser.get(PAGE).text
    parts = [
        f'id="job-{JOB}"',
        'class="run-form"',
        'id="outcomes"',
        'id="errors-title"',
        'id="schedule-title"',
    ]
    places = [page.index(part) for part in [*parts, 'id="recent"']]
    assert places == sorted(places)


def test_a_job_whose_runs_wait_for_a_retry_is_failing(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "succeeded", 60, job=JOB)
    assert "Idle" in job_card(browser.get(PAGE))
    run_factory.make_run(con, "scheduled", job=JOB, retries=2)
    said = job_card(browser.get(PAGE))
    assert re.search(r"Failing It has been failing since .*: 1 being retried, next retry in", said)
    assert re.search(r"The last run to end succeeded .* after 1.2 s", said)


def test_what_is_processing_and_what_waits_is_said(browser: FakeBrowser, con: Connection) -> None:
    running = run_factory.make_run(con, "processing", job=JOB, progress={"done": 3, "total": 4})
    enqueue(con, JOB)
    page = browser.get(PAGE)
    assert f'href="/runs/{running}"' in page.text
    assert re.search(
        r"Running Run .* started .* and is still processing. 75 % 3 of 4 1 run is waiting to start",
        job_card(page),
    )


def test_charts_are_of_this_job_only(browser: FakeBrowser, con: Connection) -> None:
    count(con, 2, succeeded=5, p50_ms=840, p95_ms=3200, wait_p50_ms=1200, wait_p95_ms=61_000)
    count(con, 2, job="record-expiry", succeeded=70, p50_ms=1, p95_ms=1)
    assert "5 succeeded, 0 failed, 0 deleted" in chart(browser, "outcomes")
    assert "p50 840 ms, p95 3.2 s most recently" in chart(browser, "took")
    assert "p50 1.2 s, p95 1 m 1 s most recently" in chart(browser, "waited")


def test_without_an_ended_run_the_charts_say_so(browser: FakeBrowser, con: Connection) -> None:
    count(con, 2, job="record-expiry", succeeded=70, p50_ms=1, p95_ms=1)
    page = browser.get(PAGE).text
    assert ("No run ended in the last 24 hours." in page, "data-chart" in page) == (True, False)


@pytest.mark.parametrize(("window", "spans"), [("24h", 24), ("7d", 28), ("30d", 30)])
def test_each_time_span_has_its_buckets_and_the_last_one_is_open(
    browser: FakeBrowser, con: Connection, window: str, spans: int
) -> None:
    count(con, 0, succeeded=1, p50_ms=1, p95_ms=1)
    for name in ("outcomes", "took"):
        table = chart(browser, name, window)
        assert (table.count("data-at="), table.count("data-open")) == (spans, 1)
    assert browser.get(f"{PAGE}?window=1h").status == 422


def test_a_bar_leads_to_the_runs_that_ended_in_its_hour(browser: FakeBrowser, con: Connection) -> None:
    took = timedelta(hours=1)
    ended_in_it = make(con, "failed", -90, took=took)
    others = [
        make(con, "failed", -90, took=took, job="record-expiry"),
        make(con, "succeeded", -90, took=took),
        make(con, "failed", -50, took=took),
    ]
    links = re.findall(r'data-value="1"><a href="([^"]*state=failed[^"]*)"', chart(browser, "outcomes"))
    assert len(links) == 2
    shown = browser.get(links[0]).text
    assert [run for run in (ended_in_it, *others) if f'id="run-{run}"' in shown] == [ended_in_it]
    assert "Ended from" in shown


@pytest.mark.parametrize("wrong", ["yesterday", "9999-99-99T00:00Z", "%00", "<b>"])
def test_a_wrong_end_in_the_address_selects_nothing_and_is_named(browser: FakeBrowser, wrong: str) -> None:
    page = browser.get(f"/dashboard/runs?ended_from={wrong}")
    assert (page.status, "field-error" in page.text, "<b>" in page.text) == (200, wrong != "%00", False)


def test_errors_are_grouped_with_the_last_message_first(browser: FakeBrowser, con: Connection) -> None:
    make(con, "failed", -20, error="DiskFull: no space left")
    make(con, "failed", -10, error="DiskFull: 2 bytes are left")
    roll_up(con, hour(con))
    last = make(con, "failed", 5, error="TimeoutError: <too slow>")
    make(con, "failed", 6, error="Elsewhere: no", job="record-expiry")
    page = browser.get(PAGE).text
    table = page.partition('class="job-errors"')[2].partition("</table>")[0]
    first, second = table.split("<tr>")[2:]
    assert "&lt;too slow&gt;" in first and f'href="/runs/{last}"' in first
    assert f'href="/dashboard/runs?job={JOB}&amp;error_type=TimeoutError"' in first
    assert "2 bytes are left" in second and '<td class="number">2</td>' in second
    assert "Elsewhere" not in table


def test_the_schedule_is_paused_and_resumed_on_the_page(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    page = browser.get(PAGE).text
    assert len(re.findall("<li><time", page.partition('class="next-times"')[2].partition("</ol>")[0])) == 5
    assert f'action="{PAGE}/pause"' in page and f'action="{PAGE}/resume"' not in page
    browser.post(f"{PAGE}/pause", {"pause-note": "the disk is full"})
    page = browser.get(PAGE).text
    assert f'action="{PAGE}/resume"' in page and f'action="{PAGE}/pause"' not in page


def test_a_viewer_sees_everything_but_the_buttons(browser: FakeBrowser, con: Connection) -> None:
    set_schedule(con)
    run_factory.make_run(con, "succeeded", 60, job=JOB)
    browser.sign_in(Role.VIEWER)
    page = browser.get(PAGE).text
    assert 'id="outcomes"' in page and f'action="{PAGE}/' not in page
