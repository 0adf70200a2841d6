"""What is failing: its page, the overview's verdict, the cards of jobs, the tab; acknowledging and muting."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection, snapshot_cache
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.dispatcher import heartbeat
from slowmatch.jobs.lifecycle.actions import BULK
from slowmatch.jobs.queries import failing, failure_groups
from slowmatch.jobs.queries.failure_groups import FailureGroup
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import job_card

PAGE = "/dashboard/failing"
ERROR = "TimeoutError: no answer after 31 s"
HOUR = 3600


@pytest.fixture(autouse=True)
def last_pass(con: Connection) -> None:
    """The dispatcher works, so it is no warning."""
    heartbeat.store_pass(con, con.now(), {}, {})


def retry(con: Connection, ago: float = 60, error: str = ERROR, **given: Any) -> str:
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
    """The page after a button of the only failure."""
    answer = browser.post(f"{PAGE}/{group_of(con).id}/{action}", fields)
    assert answer.status == 303, answer.text
    return browser.get(answer.location)


def states(con: Connection) -> list[str]:
    return [state for (state,) in con.query("SELECT state FROM job_run ORDER BY id")]


def notes(con: Connection) -> list[list[Any]]:
    return con.query("SELECT action, job, actor, note FROM failure_event ORDER BY id")


def test_errors_that_differ_in_numbers_are_one_failure(browser: FakeBrowser, con: Connection) -> None:
    retry(con, 90)
    latest = retry(con, error="TimeoutError: no answer after 32 s")
    run_factory.make_run(con, "failed", 30 * HOUR, error="TimeoutError: no answer after 7 s")
    retry(con, error="Refused: 421")
    found = {group.error_type: group for group in groups(con)}
    assert (found["TimeoutError"].retrying, found["TimeoutError"].failed) == (2, 1)
    assert found["TimeoutError"].run_id == latest and found["Refused"].retrying == 1
    page = browser.get(PAGE)
    assert "1 failed, 2 being retried, next retry" in text_of(page) and f"/runs/{latest}" in page.text
    assert "TimeoutError : no answer after 32 s" in text_of(page) and "Retry all 3" in text_of(page)


@pytest.mark.parametrize(
    ("message", "normalized"),
    [
        ("timeout after 31.5 s", "timeout after … s"),
        ("run 01a20d25-5d63-70c1-974e-f133c2d38726 is gone", "run … is gone"),
        ("object at 0x7f3a is broken", "object at … is broken"),
        ("no key 'Ann' in \"the list\"", "no key … in …"),
        ("it doesn't work, don't ask", "it doesn't work, don't ask"),
        ("a  line\nand another", "a line and another"),
        ("x" * 10_000, "x" * 200),
        ("", ""),
    ],
    ids=lambda text: text[:20],
)
def test_what_differs_between_failures_is_left_out_of_a_message(message: str, normalized: str) -> None:
    assert failure_groups.normalize(message) == normalized


def test_a_failure_counts_its_attempts_by_hour(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed", 2 * HOUR, retries=2, error="E: x")
    (trend,) = failing.trends(con, con.now()).values()
    assert sum(trend) == 3 and sum(trend[-4:-1]) == 3 and len(trend) == 24
    assert "3 failed attempts in the last 24 hours" in browser.get(PAGE).text


def test_without_failures_the_page_says_what_would_be_there(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "succeeded")
    page = browser.get(PAGE)
    assert "No job is failing" in text_of(page) and "When an attempt fails" in text_of(page)
    assert "<title>Failing · Slowmatch</title>" in page.text


def test_a_run_that_retries_is_a_warning_with_its_next_try(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    said = verdict(browser)
    assert "record-expiry is failing: 1 run failed and is being retried, next retry" in said
    assert "No warnings" not in said and "See what fails" in said
    assert f'href="{PAGE}#record-expiry"' in browser.get("/dashboard").text


@pytest.mark.parametrize("state", ["enqueued", "processing"])
def test_a_retry_that_is_due_or_running_is_still_a_warning(
    browser: FakeBrowser, con: Connection, state: str
) -> None:
    given = {"failures": 1, "error": "TimeoutError: no answer"}
    run_factory.make_run(con, state, 60, retries=1, run_fields=given)
    assert "record-expiry is failing: 1 run failed and is being retried" in verdict(browser)


def test_a_job_that_works_again_is_not_failing(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed", 600)
    run_factory.make_run(con, "succeeded", 60)
    assert "record-expiry works again, but 1 run failed in the last 24 hours." in verdict(browser)
    page = browser.get(PAGE)
    assert "Works again" in text_of(page) and "<title>Failing · Slowmatch</title>" in page.text


def test_an_old_run_that_retries_after_a_success_is_told(browser: FakeBrowser, con: Connection) -> None:
    retry(con, 600)
    run_factory.make_run(con, "succeeded", 60)
    assert "record-expiry works again, but 1 run that failed is being retried" in verdict(browser)


def test_a_job_whose_latest_failures_were_queued_again_does_not_work_yet(con: Connection) -> None:
    run_factory.make_run(con, "failed", 60)
    run_factory.make_run(con, "succeeded", 30)
    assert failing.failing_by_name(con, con.now()) == {}
    con.query("INSERT INTO job_failures VALUES ('record-expiry', 1, now() - interval '5 minutes')")
    job = failing.failing_by_name(con, con.now() + timedelta(seconds=snapshot_cache.KEPT_SECONDS))[
        "record-expiry"
    ]
    assert job.since and job.since > con.now() - timedelta(minutes=6)


def test_a_job_fails_since_its_first_failure_after_a_success(con: Connection) -> None:
    run_factory.make_run(con, "failed", 3 * HOUR, error="A: x")
    run_factory.make_run(con, "succeeded", 2 * HOUR)
    retry(con, HOUR, error="B: y")
    (job,) = failing.failing_jobs(con, con.now())
    first = {group.error_type: group.first_at for group in job.groups}
    assert job.is_failing and job.since == first["B"] > first["A"]


def test_title_and_icon_count_failing_jobs_on_every_page(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    retry(con, job="db-cleanup")
    for address in ("/dashboard", "/records", "/jobs", PAGE):
        page = browser.get(address)
        assert "<title>(2) " in page.text
        assert re.search(r'<link rel="icon" href="data:image/svg\+xml,[^"]*%3E2%3C/text%3E', page.text)
    sidebar = text_of(browser.get(PAGE), r'<nav class="sidebar".*?</nav>')
    assert sidebar.startswith("Overview Failing 2")


def test_a_page_that_did_not_change_is_sent_again_when_a_job_fails(
    browser: FakeBrowser, con: Connection
) -> None:
    etag = browser.get("/records").headers["ETag"]
    assert browser.get("/records", if_none_match=etag).status == 304
    retry(con)
    assert browser.get("/records", if_none_match=etag).status == 200


def test_retry_all_starts_what_failed_and_what_waits(browser: FakeBrowser, con: Connection) -> None:
    retry(con, 90)
    run_factory.make_run(con, "failed", error="TimeoutError: no answer after 7 s")
    other = retry(con, error="Refused: 421", job="db-cleanup")
    found = next(group for group in groups(con) if group.job == "record-expiry")
    browser.sign_in(Role.OPERATOR)
    answer = browser.post(f"{PAGE}/{found.id}/retry")
    assert "2 runs of record-expiry were queued for a retry." in text_of(browser.get(answer.location))
    assert sorted(states(con)) == ["enqueued", "enqueued", "scheduled"]
    assert run_factory.run_state(con, other) == "scheduled"


def test_an_action_on_a_failure_that_is_over_does_nothing(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    found = group_of(con)
    act(browser, con, "delete")
    answer = browser.post(f"{PAGE}/{found.id}/retry")
    assert answer.status == 404 and "this failure is no longer there" in unescape(answer.text).lower()
    assert states(con) == ["deleted"]


def test_more_than_a_thousand_runs_are_retried_in_parts(browser: FakeBrowser, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at, error)
        SELECT uuidv7(), 'record-expiry', 'failed', false, 'api', 1, now(), now(), now(), 'E: ' || number
        FROM generate_series(1, CAST(:number AS integer)) AS number
        """,
        number=BULK + 5,
    )
    assert "Retry all 250+" in text_of(browser.get(PAGE))
    assert "Only the latest 250 failed runs" in text_of(browser.get(PAGE))
    said = text_of(act(browser, con, "retry"))
    assert "1,000 runs of record-expiry were queued for a retry. 5 or more are left." in said


def test_many_failures_of_a_job_are_not_all_on_the_page(browser: FakeBrowser, con: Connection) -> None:
    con.query(
        """
        INSERT INTO job_run (id, job, state, exclusive, trigger, max_attempts, due_at, created_at, finished_at, error)
        SELECT uuidv7(), 'record-expiry', 'failed', false, 'api', 1, now(), now(), now(), 'E: ' || repeat('x', number)
        FROM generate_series(1, 22) AS number
        """
    )
    page = browser.get(PAGE)
    assert page.text.count("<article") == 20 and "Not shown: 2 older failures of record-expiry" in text_of(
        page
    )


@pytest.mark.parametrize(
    ("role", "action", "status"),
    [
        (Role.VIEWER, "retry", 403),
        (Role.VIEWER, "acknowledge", 403),
        (Role.OPERATOR, "delete", 403),
        (Role.ADMIN, "delete", 303),
    ],
)
def test_each_action_needs_its_role(
    browser: FakeBrowser, con: Connection, role: Role, action: str, status: int
) -> None:
    retry(con)
    browser.sign_in(role)
    assert browser.post(f"{PAGE}/{group_of(con).id}/{action}").status == status
    assert states(con) == ["deleted" if status == 303 else "scheduled"]


def test_runs_of_a_job_for_admins_are_retried_by_admins(browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed", job="send-test-mail")
    browser.sign_in(Role.OPERATOR)
    assert "Retry" not in text_of(browser.get(PAGE), r'<section class="failing".*?</section>')
    assert browser.post(f"{PAGE}/{group_of(con).id}/retry").status == 403
    browser.sign_in(Role.ADMIN)
    assert browser.post(f"{PAGE}/{group_of(con).id}/retry").status == 303


def test_a_viewer_has_no_buttons(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    browser.sign_in(Role.VIEWER)
    pane = text_of(browser.get(PAGE), r'<section class="failing".*?</section>')
    assert not re.search(r"Retry|Acknowledge|Delete|Mute", pane)


def test_an_acknowledged_failure_is_no_warning(browser: FakeBrowser, con: Connection, queues: None) -> None:
    retry(con)
    page = act(browser, con, "acknowledge", note="the disk is <full>")
    assert "<title>Failing · Slowmatch</title>" in page.text
    text = text_of(page)
    assert "Every failure has been acknowledged" in text and "Acknowledged (1)" in text
    assert "by you (this machine) : the disk is <full>" in text
    said = verdict(browser)
    assert "Every failure has been acknowledged: record-expiry." in said and "No run failed" not in said
    assert notes(con) == [["acknowledged", "record-expiry", "you (this machine)", "the disk is <full>"]]


def test_a_new_failure_ends_an_acknowledgement(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    act(browser, con, "acknowledge")
    con.query("UPDATE failure_event SET at = now() - interval '30 seconds'")
    retry(con, 2, error="TimeoutError: no answer after 99 s")
    assert "record-expiry is failing: 2 runs failed" in verdict(browser)


def test_an_acknowledgement_can_be_undone(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    act(browser, con, "acknowledge")
    assert "TimeoutError in record-expiry is no longer acknowledged." in text_of(act(browser, con, "undo"))
    assert "record-expiry is failing" in verdict(browser)
    assert [note[0] for note in notes(con)] == ["acknowledged", "unacknowledged"]


def test_what_people_did_about_failures_is_in_the_activity(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    act(browser, con, "acknowledge", note="known")
    browser.post("/jobs/record-expiry/mute", {"for": "1 hour", "note": "repairs"})
    text = text_of(browser.get("/dashboard/activity"))
    assert "acknowledged a failure of record-expiry TimeoutError: known" in text
    assert "muted notifications about record-expiry repairs" in text


@pytest.mark.parametrize(
    ("wanted", "longest"), [("1 hour", 1), ("8 hours", 8), ("tomorrow", 32), ("anything else", 32)]
)
def test_a_job_is_muted_for_some_time(
    browser: FakeBrowser, con: Connection, wanted: str, longest: int
) -> None:
    answer = browser.post("/jobs/db-cleanup/mute", {"for": wanted, "note": "repairs", "back-to": "jobs"})
    assert answer.location == "/jobs"
    assert re.search("Muted until .* repairs", job_card(browser.get("/jobs")))
    ((until,),) = con.query("SELECT muted_until FROM job")
    assert timedelta(0) < until - con.now() <= timedelta(hours=longest)


def test_a_muted_job_still_warns_and_can_be_unmuted(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    browser.post("/jobs/record-expiry/mute", {"for": "1 hour"})
    assert "Muted until" in text_of(browser.get(PAGE)) and "record-expiry is failing" in verdict(browser)
    browser.post("/jobs/record-expiry/unmute", {"back-to": "failing"})
    assert "Mute notifications" in text_of(browser.get(PAGE))
    assert [note[0] for note in notes(con)] == ["muted", "unmuted"]


def test_a_card_has_a_line_for_what_runs_retries_waits_and_ended(
    browser: FakeBrowser, con: Connection
) -> None:
    given: dict[str, Any] = {"job": "db-cleanup"}
    run_factory.make_run(con, "failed", 300, error="Boom: x", took=timedelta(seconds=3.2), **given)
    run_factory.make_run(con, "processing", 60, progress={"done": 3, "total": 4}, **given)
    run_factory.make_run(con, "scheduled", **given)
    retry(con, 200, **given)
    card = job_card(browser.get("/jobs"))
    assert re.search(r"processing started .* 75 % 3 of 4", card)
    assert re.search(r"1 run being retried , next retry .* TimeoutError: no answer after 31 s", card)
    assert "1 run due later , first" in card
    assert re.search(r"Last run failed .* took 3\.2 s Boom: x", card)
    assert re.search(r"Failing since .*: 1 failed, 1 being retried, next retry .* See what fails", card)


def test_bad_notes_and_groups_do_no_harm(browser: FakeBrowser, con: Connection) -> None:
    retry(con)
    act(browser, con, "acknowledge", note="a\0b" + "x" * 10_000)
    ((note,),) = con.query("SELECT note FROM failure_event")
    assert len(note) == 500 and "\0" not in note
    assert browser.post(f"{PAGE}/%00'/acknowledge").status == 404
    assert browser.post("/jobs/nothing/mute", {"for": "1 hour"}).status == 404
