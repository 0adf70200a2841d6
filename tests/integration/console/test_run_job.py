"""The form that runs a job: now or later, with a payload, and who may."""

import re
from datetime import UTC, timedelta
from html import unescape
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import (
    field_errors,
    find_runs,
    make_finished_run,
    only_run,
)


def test_run_now_takes_one_click_and_links_to_the_run(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post("/jobs/db-cleanup/run")
    made = only_run(con)
    assert (answer.status, answer.location) == (303, "/jobs/db-cleanup")
    assert (made.state, made.payload, made.trigger, made.triggered_by) == (
        "enqueued",
        {},
        "console",
        "kim@example.com",
    )
    page = browser.get(answer.location)
    short = f"{made.id[:8]}…{made.id[-4:]}"
    assert f'Run {short} of db-cleanup started. <a href="/runs/{made.id}">Open the run</a>' in page.text


def test_from_the_list_one_comes_back_to_the_list(browser: FakeBrowser) -> None:
    assert browser.post("/jobs/db-cleanup/run", {"back-to": "jobs"}).location == "/jobs"
    assert (
        browser.post("/jobs/db-cleanup/run", {"back-to": "//evil.example.com"}).location == "/jobs/db-cleanup"
    )


def test_the_form_has_an_input_of_the_right_kind_for_each_field(browser: FakeBrowser) -> None:
    cleanup, summary = browser.get("/jobs/db-cleanup").text, browser.get("/jobs/daily-summary").text
    assert re.search(r'name="dry_run" type="checkbox"', cleanup)
    assert re.search(
        r'name="older_than_days" type="number"[^>]* min="1" max="3650"[^>]* placeholder="30"', cleanup
    )
    assert re.search(r'name="day" type="date"', summary)
    assert re.search(
        r'name="recipients" type="text"[^>]* placeholder="one@example.com, two@example.com"', summary
    )


@pytest.mark.parametrize(
    ("job", "form", "payload"),
    [
        (
            "db-cleanup",
            {"dry_run": "true", "older_than_days": "40"},
            {"dry_run": True, "older_than_days": 40},
        ),
        (
            "db-cleanup",
            {"older_than_days": " ", "delay-minutes": "", "run-at": "", "run-at_offset": "+01:00"},
            {},
        ),
        (
            "daily-summary",
            {"day": "2026-11-23", "recipients": "a@example.com, b@example.com"},
            {"day": "2026-11-23", "recipients": ["a@example.com", "b@example.com"]},
        ),
    ],
)
def test_the_form_becomes_the_payload(
    browser: FakeBrowser, con: Connection, job: str, form: dict[str, str], payload: dict[str, Any]
) -> None:
    assert browser.post(f"/jobs/{job}/run", form).status == 303
    assert (only_run(con).payload, only_run(con).state) == (payload, "enqueued")


@pytest.mark.parametrize(
    ("job", "field", "typed", "words"),
    [
        ("db-cleanup", "older_than_days", "0", "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", "9" * 400, "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", "٣", "Must be a whole number from 1 to 3650."),
        ("db-cleanup", "older_than_days", '"><b>', "Must be a whole number from 1 to 3650."),
        ("daily-summary", "day", "2026-02-30", "Must be a date such as 2026-12-31."),
        ("daily-summary", "recipients", "nobody", "Must be a list of email addresses."),
        ("db-cleanup", "delay-minutes", "0", "Must be a whole number from 1 to 527,040."),
        ("db-cleanup", "delay-minutes", "soon", "Must be a whole number from 1 to 527,040."),
        ("db-cleanup", "run-at", "tomorrow", "Must be a date and time such as 2026-12-31T12:00."),
        ("db-cleanup", "run-at", "2020-01-01T00:00", "Must be in the future, and at most a year from now."),
        ("db-cleanup", "run-at", "9000-01-01T00:00", "Must be in the future, and at most a year from now."),
    ],
)
def test_a_wrong_field_is_named_in_its_place_keeps_what_was_typed_and_starts_nothing(
    browser: FakeBrowser, con: Connection, job: str, field: str, typed: str, words: str
) -> None:
    page = browser.post(f"/jobs/{job}/run", {field: typed})
    assert (page.status, field_errors(page)) == (422, {field: words})
    (value,) = re.findall(rf'name="{field}"[^>]*? value="([^"]*)"', page.text)
    assert unescape(value) == typed
    assert find_runs(con) == []
    assert page.headers["HX-Push-Url"] == f"/jobs/{job}"


def test_all_wrong_fields_are_named_and_a_checked_box_stays_checked(browser: FakeBrowser) -> None:
    page = browser.post(
        "/jobs/db-cleanup/run", {"dry_run": "true", "older_than_days": "x", "delay-minutes": "y"}
    )
    assert set(field_errors(page)) == {"older_than_days", "delay-minutes"}
    assert re.search(r'name="dry_run" type="checkbox" value="true" checked', page.text)


def test_minutes_and_a_date_together_are_refused(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post("/jobs/db-cleanup/run", {"delay-minutes": "5", "run-at": "2026-12-01T00:00"})
    assert field_errors(page) == {"run-at": "Enter minutes or a date, not both."}
    assert find_runs(con) == []


def test_run_later_in_minutes(browser: FakeBrowser, con: Connection) -> None:
    answer = browser.post("/jobs/db-cleanup/run", {"delay-minutes": "90"})
    made = only_run(con)
    ahead = made.due_at - made.created_at
    assert (made.state, round(ahead / timedelta(minutes=1))) == ("scheduled", 90)
    assert "of db-cleanup starts in 90 minutes." in browser.get(answer.location).text


@pytest.mark.parametrize(("offset", "hour"), [("+05:30", 6), ("", 12)])
def test_run_later_at_a_time_of_the_viewers_zone_or_of_utc(
    browser: FakeBrowser, con: Connection, offset: str, hour: int
) -> None:
    day = (con.now() + timedelta(days=3)).date()
    browser.post("/jobs/db-cleanup/run", {"run-at": f"{day}T12:00", "run-at_offset": offset})
    due = only_run(con).due_at.astimezone(UTC)
    assert (due.date(), due.hour, due.minute) == (day, hour, 30 if offset else 0)


def test_a_test_mail_goes_to_its_sender_by_default(browser: FakeBrowser, con: Connection) -> None:
    assert 'name="to" type="text" value=""' in browser.get("/jobs/send-test-mail").text
    browser.sign_in(Role.ADMIN, "ada@example.com")
    assert (
        '<a class="button primary" href="/jobs/send-test-mail">Send a test email</a>'
        in browser.get("/jobs").text
    )
    assert 'name="to" type="text" value="ada@example.com"' in browser.get("/jobs/send-test-mail").text
    assert browser.post("/jobs/send-test-mail/run", {"to": "ada@example.com, ops@example.com"}).status == 303
    assert only_run(con).payload == {"to": ["ada@example.com", "ops@example.com"]}


def test_only_admins_send_a_test_mail_or_send_it_again(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR)
    for page in (browser.get("/jobs"), browser.get("/jobs/send-test-mail")):
        assert "Send a test email" not in page.text
    assert browser.post("/jobs/send-test-mail/run", {"to": "kim@example.com"}).status == 403
    assert find_runs(con) == []
    run_id = make_finished_run(con, "send-test-mail", "failed")
    assert "Requeue" not in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 403
    browser.sign_in(Role.ADMIN)
    assert "Requeue" in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 303
