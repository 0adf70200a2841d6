"""The form that runs a job: now or later, with a payload, and who may."""

import re
from datetime import UTC, timedelta
from html import unescape

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from tests.integration.console import run_factory
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.job_pages import (
    field_errors,
    find_runs,
    only_run,
)


def test_run_now_takes_one_click_and_links_to_the_run(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post("/jobs/db-cleanup/run")
    made = only_run(con)
    assert (answer.status, answer.location) == (303, "/jobs/db-cleanup")
    assert (made.state, made.payload) == ("enqueued", {})
    assert (made.trigger, made.triggered_by) == ("console", "kim@example.com")
    assert f'<a href="/runs/{made.id}">Open the run</a>' in browser.get(answer.location).text


def test_a_run_that_is_only_queued_is_not_said_to_have_started(browser: FakeBrowser, con: Connection) -> None:
    said = browser.get(browser.post("/jobs/db-cleanup/run").location).text
    assert " of db-cleanup was queued." in said
    ahead = run_factory.make_run(con, "processing", job="db-cleanup", exclusive=True)
    said = browser.get(browser.post("/jobs/db-cleanup/run").location).text
    assert (
        f" of db-cleanup was queued behind run {ahead[:8]}…{ahead[-4:]}, which is still processing." in said
    )


@pytest.mark.parametrize(
    ("origin", "target"), [("jobs", "/jobs"), ("//evil.example.com", "/jobs/db-cleanup")]
)
def test_one_comes_back_to_the_list_and_nowhere_else(browser: FakeBrowser, origin: str, target: str) -> None:
    assert browser.post("/jobs/db-cleanup/run", {"back-to": origin}).location == target


@pytest.mark.parametrize(
    ("wrong", "typed"),
    [
        (["older_than_days"], {"older_than_days": "9" * 400}),
        (["older_than_days"], {"older_than_days": '"><b>'}),
        (["delay-minutes"], {"delay-minutes": "0"}),
        (["run-at"], {"run-at": "tomorrow"}),
        (["run-at"], {"run-at": "2020-01-01T00:00"}),
        (["run-at"], {"run-at": "9000-01-01T00:00"}),
        (["run-at"], {"delay-minutes": "5", "run-at": "2026-12-01T00:00"}),
        (["delay-minutes", "older_than_days"], {"older_than_days": "x", "delay-minutes": "y"}),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_starts(
    browser: FakeBrowser, con: Connection, wrong: list[str], typed: dict[str, str]
) -> None:
    page = browser.post("/jobs/db-cleanup/run", {"dry_run": "true", **typed})
    assert (page.status, sorted(field_errors(page))) == (422, wrong)
    for name, text in typed.items():
        (value,) = re.findall(rf'name="{name}"[^>]*? value="([^"]*)"', page.text)
        assert unescape(value) == text
    assert re.search(r'name="dry_run" type="checkbox" value="true" checked', page.text)
    assert page.headers["HX-Push-Url"] == "/jobs/db-cleanup"
    assert find_runs(con) == []


def test_run_later_in_minutes(browser: FakeBrowser, con: Connection) -> None:
    browser.post("/jobs/db-cleanup/run", {"delay-minutes": "90"})
    made = only_run(con)
    ahead = made.due_at - made.created_at
    assert (made.state, round(ahead / timedelta(minutes=1))) == ("scheduled", 90)


@pytest.mark.parametrize(("offset", "hour"), [("+05:30", 6), ("", 12)])
def test_run_later_at_a_time_of_the_viewer_s_zone(
    browser: FakeBrowser, con: Connection, offset: str, hour: int
) -> None:
    day = (con.now() + timedelta(days=3)).date()
    browser.post("/jobs/db-cleanup/run", {"run-at": f"{day}T12:00", "run-at_offset": offset})
    due = only_run(con).due_at.astimezone(UTC)
    assert (due.date(), due.hour, due.minute) == (day, hour, 30 if offset else 0)


def test_a_test_mail_goes_to_its_sender_by_default(browser: FakeBrowser, con: Connection) -> None:
    assert 'name="to" type="text" value=""' in browser.get("/jobs/send-test-mail").text
    browser.sign_in(Role.ADMIN, "ada@example.com")
    assert '<a class="button primary" href="/jobs/send-test-mail">' in browser.get("/jobs").text
    form = browser.get("/jobs/send-test-mail").text
    assert 'action="/jobs/send-test-mail/run"' in form and 'type="text" value="ada@example.com"' in form
    assert browser.post("/jobs/send-test-mail/run", {"to": "ada@example.com, ops@example.com"}).status == 303
    assert only_run(con).payload == {"to": ["ada@example.com", "ops@example.com"]}


def test_only_admins_send_a_test_mail_or_send_it_again(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR)
    assert '<a class="button primary" href="/jobs/send-test-mail">' not in browser.get("/jobs").text
    assert 'action="/jobs/send-test-mail/run"' not in browser.get("/jobs/send-test-mail").text
    assert browser.post("/jobs/send-test-mail/run", {"to": "kim@example.com"}).status == 403
    assert find_runs(con) == []
    run_id = run_factory.make_run(con, "failed", job="send-test-mail")
    assert ">Retry</button>" not in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 403
    browser.sign_in(Role.ADMIN)
    assert ">Retry</button>" in browser.get(f"/runs/{run_id}").text
    assert browser.post(f"/runs/{run_id}/requeue").status == 303
