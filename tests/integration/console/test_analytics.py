"""The analytics page and the charts: what was counted, in words, and tables that the charts are drawn from."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser

pytestmark = pytest.mark.usefixtures("half_past")
JOB = "record-expiry"
RUN = "019ac000-0000-7000-8000-000000000001"


def hour(con: Connection, ago: int = 0) -> datetime:
    return con.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=ago)


def count(con: Connection, ago: int, job: str = JOB, **figures: Any) -> None:
    """A row of the roll-up, for the hour that began `ago` hours before this one."""
    known = {"succeeded": 0, "failed": 0, "deleted": 0, "retried": 0, "p50": None, "p95": None, **figures}
    con.query(
        """
        INSERT INTO job_hour (job, hour, succeeded, failed, deleted, retried, p50_ms, p95_ms)
        VALUES (:job, CAST(:hour AS timestamptz), :succeeded, :failed, :deleted, :retried,
                CAST(:p50 AS float), CAST(:p95 AS float))
        """,
        job=job,
        hour=hour(con, ago),
        **known,
    )


def fail(con: Connection, error_type: str, number: int, job: str = JOB, run: str = RUN) -> None:
    con.query(
        """
        INSERT INTO job_hour_error (job, hour, error_type, count, last_run_id, last_at)
        VALUES (:job, CAST(:hour AS timestamptz), :error_type, :number, CAST(:run AS uuid), CAST(:hour AS timestamptz))
        """,
        job=job,
        hour=hour(con, 3),
        error_type=error_type,
        number=number,
        run=run,
    )


def runs_table(browser: FakeBrowser, window: str = "24h") -> str:
    text = browser.get(f"/dashboard/analytics?window={window}").text
    return text.partition('id="runs-table"')[2].partition("</table>")[0]


def test_counts_are_in_the_summary_and_in_a_table(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=1204, failed=3, deleted=1, retried=7)
    page = browser.get("/dashboard/analytics")
    assert page.status == 200
    assert "24 hours: 1,204 succeeded, 3 failed, 1 deleted" in page.text
    assert re.search(
        r'<td class="number" data-value="1204"><a href="[^"]*state=succeeded">1,204</a></td>', page.text
    )
    assert "99.7 %" in page.text


def test_a_rate_below_one_never_reads_as_a_hundred(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=99_999, failed=1)
    assert "99.9 %" in browser.get("/dashboard/analytics").text


def test_hours_before_the_first_count_are_gaps_and_later_ones_zeros(
    con: Connection, browser: FakeBrowser
) -> None:
    count(con, 5, succeeded=4)
    table = runs_table(browser)
    assert (table.count('data-value=""'), table.count('data-value="0"')) == (18 * 3, 2 + 5 * 3)
    assert table.count("data-open") == 1  # the hour that is not over


def test_before_anything_was_counted_there_are_no_charts(con: Connection, browser: FakeBrowser) -> None:
    page = browser.get("/dashboard/analytics")
    assert (page.status, "data-chart" in page.text) == (200, False)


@pytest.mark.parametrize(("window", "spans"), [("24h", 24), ("7d", 28), ("30d", 30)])
def test_each_window_has_its_spans(con: Connection, browser: FakeBrowser, window: str, spans: int) -> None:
    count(con, 0, succeeded=1)
    assert runs_table(browser, window).count("data-at=") == spans


@pytest.mark.parametrize(
    ("query", "status"),
    [(f"window={text}", 422) for text in ("1h", "24H", "%00", "'", "x" * 5000, "💥")]
    + [(f"job={text}", 404) for text in ("nothing", "x" * 5000, "%3Cscript%3E")],
)
def test_an_unknown_window_or_job_is_refused(browser: FakeBrowser, query: str, status: int) -> None:
    page = browser.get(f"/dashboard/analytics?{query}")
    assert (page.status, "<script>" in page.text) == (status, False)


def test_one_job_shows_its_own_figures_only(con: Connection, browser: FakeBrowser) -> None:
    count(con, 4, succeeded=5, p50=840.0, p95=3200.0)
    count(con, 4, job="db-cleanup", succeeded=7, p50=100.0, p95=200.0)
    fail(con, "TimeoutError", 2)
    fail(con, "DiskFull", 9, job="db-cleanup")
    text = browser.get(f"/dashboard/analytics?job={JOB}").text
    assert "24 hours: 5 succeeded" in text
    assert "p50 840 ms, p95 3.2 s" in text
    assert 'id="took-db-cleanup"' not in text
    assert "TimeoutError" in text
    assert "DiskFull" not in text


def test_failures_of_one_type_are_one_row_with_all_its_jobs(con: Connection, browser: FakeBrowser) -> None:
    fail(con, "TimeoutError", 2)
    fail(con, "TimeoutError", 3, job="db-cleanup")
    fail(con, "DiskFull", 4)
    table = browser.get("/dashboard/analytics").text.partition('class="errors"')[2].partition("</table>")[0]
    first, second = table.split("<tr>")[2:]
    assert (">TimeoutError<" in first, '<td class="number">5</td>' in first) == (True, True)
    assert ("/jobs/db-cleanup" in first, f"/jobs/{JOB}" in first) == (True, True)
    assert ">DiskFull<" in second


def test_an_error_leads_to_its_runs_and_to_the_last(con: Connection, browser: FakeBrowser) -> None:
    fail(con, "TimeoutError", 2)
    assert f"/runs/{RUN}" not in browser.get("/dashboard/analytics").text
    run_factory.make_run(con, "failed", run_id=RUN)
    text = browser.get(f"/dashboard/analytics?job={JOB}").text
    assert f'href="/dashboard/runs?error_type=TimeoutError&amp;job={JOB}"' in text
    assert f'href="/runs/{RUN}"' in text


def test_records_are_counted_beside_runs(con: Connection, browser: FakeBrowser) -> None:
    con.query(
        "INSERT INTO record_hour VALUES (CAST(:hour AS timestamptz), 12, 3000, 5)",
        hour=hour(con, 2),
    )
    assert "24 hours: 12 created, 3,000 expired, 5 deleted" in browser.get("/dashboard/analytics").text
