"""The analytics page and the charts: what was counted, in words, and tables that the charts are drawn from."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from slowmatch.db import Connection
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


def keep_failed_run(con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at, error)
        VALUES (CAST(:id AS uuid), :job, 'failed', true, 'api', 1, now(), now(), now(), 'TimeoutError: no')
        """,
        id=RUN,
        job=JOB,
    )


def test_counts_are_in_the_summary_and_in_a_table(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=1204, failed=3, deleted=1, retried=7)
    page = browser.get("/dashboard/analytics")
    assert page.status == 200
    assert "24 hours: 1,204 succeeded, 3 failed, 1 deleted" in page.text
    assert '<td class="number" data-value="1204">1,204</td>' in page.text
    assert "99.7 %" in page.text


def test_a_rate_below_one_never_reads_as_a_hundred(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=99_999, failed=1)
    assert "99.9 %" in browser.get("/dashboard/analytics").text


def test_hours_in_which_nobody_counted_are_gaps_and_hours_without_a_run_are_zeros(
    con: Connection, browser: FakeBrowser
) -> None:
    count(con, 5, succeeded=4)
    table = browser.get("/dashboard/analytics").text.partition('id="runs-table"')[2].partition("</table>")[0]
    assert (table.count('data-value=""'), table.count('data-value="0"')) == (18 * 3, 2 + 5 * 3)


def test_the_present_hour_is_marked_as_not_over(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=4)
    table = browser.get("/dashboard/analytics").text.partition('id="runs-table"')[2].partition("</table>")[0]
    assert (table.count("data-open"), table.count("still counting")) == (1, 1)


def test_before_anything_was_counted_the_page_says_what_will_be_here(
    con: Connection, browser: FakeBrowser
) -> None:
    page = browser.get("/dashboard/analytics")
    assert page.status == 200
    assert "No run has ended yet" in page.text
    assert "No attempt failed in the last 24 hours" in page.text
    assert "No record has been created, marked as expired or deleted yet" in page.text
    assert "data-chart" not in page.text


@pytest.mark.parametrize(("window", "spans"), [("24h", 24), ("7d", 28), ("30d", 30)])
def test_each_window_has_its_spans(con: Connection, browser: FakeBrowser, window: str, spans: int) -> None:
    count(con, 0, succeeded=1)
    table = browser.get(f"/dashboard/analytics?window={window}").text.partition('id="runs-table"')[2]
    assert table.partition("</table>")[0].count("data-at=") == spans


@pytest.mark.parametrize("window", ["1h", "24H", "%00", "'", "x" * 5000, "💥"])
def test_an_unknown_window_is_refused(browser: FakeBrowser, window: str) -> None:
    page = browser.get(f"/dashboard/analytics?window={window}")
    assert page.status == 422
    assert "Window must be one of 24h, 7d, 30d" in page.text


@pytest.mark.parametrize("job", ["nothing", "x" * 5000, "%3Cscript%3E"])
def test_an_unknown_job_is_not_found(browser: FakeBrowser, job: str) -> None:
    page = browser.get(f"/dashboard/analytics?job={job}")
    assert page.status == 404
    assert "There is no job" in page.text
    assert "<script>" not in page.text


def test_one_job_shows_its_own_runs_durations_and_failures_only(
    con: Connection, browser: FakeBrowser
) -> None:
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


def test_an_error_leads_to_its_runs_and_to_the_last_of_them(con: Connection, browser: FakeBrowser) -> None:
    keep_failed_run(con)
    fail(con, "TimeoutError", 2)
    text = browser.get(f"/dashboard/analytics?job={JOB}").text
    assert f'href="/dashboard/runs?error_type=TimeoutError&amp;job={JOB}"' in text
    assert f'href="/runs/{RUN}"' in text


def test_a_last_run_that_was_purged_is_no_link(con: Connection, browser: FakeBrowser) -> None:
    fail(con, "TimeoutError", 2)
    text = browser.get("/dashboard/analytics").text
    assert "no longer kept" in text
    assert f"/runs/{RUN}" not in text


def test_an_error_type_with_markup_is_text(con: Connection, browser: FakeBrowser) -> None:
    fail(con, "<img src=x onerror=alert(1)>", 1)
    text = browser.get("/dashboard/analytics").text
    assert "<img" not in text
    assert "error_type=%3Cimg+src%3Dx+onerror%3Dalert%281%29%3E" in text


def test_records_are_counted_beside_runs(con: Connection, browser: FakeBrowser) -> None:
    con.query(
        "INSERT INTO record_hour VALUES (CAST(:hour AS timestamptz), 12, 3000, 5)",
        hour=hour(con, 2),
    )
    assert "24 hours: 12 created, 3,000 expired, 5 deleted" in browser.get("/dashboard/analytics").text


def test_nothing_new_costs_a_304(con: Connection, browser: FakeBrowser) -> None:
    count(con, 5, succeeded=4)
    etag = browser.get("/dashboard/analytics").headers["ETag"]
    again = browser.get("/dashboard/analytics", if_none_match=etag)
    assert (again.status, again.text) == (304, "")
