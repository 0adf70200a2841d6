"""What is failing: the page, the overview's verdict, the cards of jobs, the tab; acknowledge and mute."""

import re
from datetime import timedelta
from html import unescape

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.dispatcher import heartbeat
from slowmatch.jobs.queries import failing
from slowmatch.jobs.queries.failing import FailureGroup
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import job_card

JOB = "record-expiry"
PAGE = "/dashboard/failing"


def retry(
    con: Connection, ago: float = 60, error: str = "TimeoutError: no answer after 31 s", **given: object
) -> str:
    """A run that failed once and waits for its next attempt."""
    return run_factory.make_run(con, "scheduled", ago, retries=1, error=error, **given)


def groups(con: Connection) -> list[FailureGroup]:
    return [group for job in failing.failing_jobs(con, con.now()) for group in job.groups]


def group_of(con: Connection) -> FailureGroup:
    (only,) = groups(con)
    return only


def text_of(page: Page, pattern: str = r"<main.*</main>") -> str:
    """What people read of the page, or of the part that matches."""
    (part,) = re.findall(pattern, page.text, re.S)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))).strip()


def verdict(browser: FakeBrowser) -> str:
    return text_of(browser.get("/dashboard"), r'<section class="warnings.*?</section>')


def act(browser: FakeBrowser, con: Connection, action: str, **fields: str) -> Page:
    answer = browser.post(f"{PAGE}/{group_of(con).id}/{action}", fields)
    assert answer.status == 303, answer.text
    return browser.get(answer.location)


def test_errors_that_differ_in_numbers_are_one_failure(browser: FakeBrowser, con: Connection) -> None:
    retry(con, 90)
    latest = retry(con, error="TimeoutError: no answer after 32 s")
    run_factory.make_run(con, "failed", 30 * 3600, error="TimeoutError: no answer after 7 s")
    retry(con, error="Refused: 421")
    found = {group.error_type: group for group in groups(con)}
    assert (found["TimeoutError"].retrying, found["TimeoutError"].failed) == (2, 1)
    assert found["TimeoutError"].run_id == latest and found["Refused"].retrying == 1
    text = text_of(browser.get(PAGE))
    assert "1 failed, 2 being retried, next try" in text and "TimeoutError : no answer after 32 s" in text
    assert "Retry all 3" in text
