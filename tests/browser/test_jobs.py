"""The cards of the jobs: what each says, and each of its buttons."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.run_factory import RunFactory
from tests.support.stack_process import Stack

ME = "you (this machine)"


def card(page: Page, job: str) -> Locator:
    return page.get_by_role("article", name=job)


@pytest.fixture
def unpaused(stack: Stack) -> Iterator[None]:
    """Whatever is paused in a test goes on after it."""
    yield
    for job in ("daily-summary", "record-expiry", "db-cleanup"):
        stack.call("POST", f"/api/jobs/{job}/resume", {})


def test_a_card_says_when_it_is_due_and_how_it_went(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    run_factory.make_many(
        [{"state": "succeeded", "job": "record-expiry", "ago": timedelta(hours=n)} for n in (1, 2, 3)]
    )
    stack.dispatch()
    page.goto("/jobs")
    shown = card(page, "record-expiry")
    expect(shown).to_contain_text(re.compile("every hour", re.IGNORECASE))
    expect(shown.get_by_role("list", name="Next scheduled times").get_by_role("listitem")).to_have_count(5)
    expect(shown.get_by_text(re.compile(r"^\d+\.\d %$"))).to_be_visible()
    expect(shown.get_by_role("img").locator("rect").first).to_be_visible()


def test_run_now_says_which_run_and_leads_to_it(page: Page) -> None:
    page.goto("/jobs")
    card(page, "record-expiry").get_by_role("button", name="Run now").click()
    page.get_by_role("status").get_by_role("link", name="Open the run").click()
    expect(page).to_have_url(re.compile(r"/runs/[\w-]{36}$"))
    expect(page.get_by_role("heading", level=1, name="succeeded")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text(ME)


def test_a_run_for_later_waits_in_scheduled_until_somebody_starts_it(page: Page) -> None:
    page.goto("/jobs/db-cleanup")
    page.get_by_label("Dry run").check()
    due = datetime.now(ZoneInfo("Europe/Berlin")).replace(hour=8, minute=0) + timedelta(days=30)
    page.get_by_label("At a time").fill(f"{due:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(f"{due:%Y-%m-%d} 08:00 (UTC{due.isoformat()[-6:]})")
    page.get_by_role("link", name="Open the run").click()
    expect(page.get_by_text(re.compile(rf"It is due {due.day} \w+ 08:00"))).to_be_visible()
    run_id = page.url.rpartition("/")[2]
    page.goto("/dashboard/scheduled?job=db-cleanup")
    expect(page.locator(f"#run-{run_id}")).to_be_visible()
    page.goto(f"/runs/{run_id}")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1, name="succeeded")).to_be_visible()


@pytest.mark.usefixtures("unpaused")
def test_a_pause_says_who_when_and_why_until_somebody_resumes(page: Page) -> None:
    page.goto("/jobs")
    shown = card(page, "daily-summary")
    shown.get_by_text("Pause the schedule").click()
    shown.get_by_label("Reason").fill("the mail server moves")
    shown.get_by_role("button", name="Pause", exact=True).click()
    expect(shown.get_by_text("Paused", exact=True)).to_be_visible()
    expect(shown).to_contain_text(f"by {ME}")
    expect(shown.get_by_text("the mail server moves")).to_be_visible()
    page.goto("/dashboard")
    expect(page.get_by_text(f"was paused by {ME}")).to_contain_text("the mail server moves")
    page.goto("/jobs/daily-summary")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    page.goto("/dashboard/activity")
    expect(page.locator("#activity tr").filter(has_text="paused").first).to_contain_text(ME)


def test_the_page_of_a_job_lists_its_runs_and_its_rules(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", job="record-expiry", error="DeadlockDetected: of two")
    page.goto("/jobs/record-expiry")
    expect(page.locator(f"#recent #run-{run_id}")).to_contain_text("DeadlockDetected: of two")
    expect(page.get_by_text("One run at a time.")).to_be_visible()
    page.locator("a[href='/dashboard/runs?job=record-expiry']").click()
    expect(page.locator(f"#run-{run_id}")).to_be_visible()


def test_what_is_typed_into_the_form_survives_a_new_run(page: Page, run_factory: RunFactory) -> None:
    run_factory.make("succeeded", job="db-cleanup")
    page.goto("/jobs/db-cleanup")
    page.get_by_label("Older than days").fill("90")
    page.get_by_role("heading", level=1).click()
    run_factory.make("succeeded", job="db-cleanup")
    expect(page.get_by_role("button", name="1 new: show")).to_be_visible()
    expect(page.get_by_label("Older than days")).to_have_value("90")


def test_an_error_leads_to_an_example_and_to_its_runs(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", job="daily-summary", error="MailRefused: 421 too busy")
    page.goto("/jobs/daily-summary")
    expect(page.get_by_role("article", name="State")).to_contain_text("Failing")
    error = page.get_by_role("region", name="Errors").get_by_role("row").filter(has_text="421 too busy")
    error.get_by_role("link", name=run_id[-4:]).click()
    expect(page).to_have_url(re.compile(f"/runs/{run_id}$"))
    page.go_back()
    error.get_by_role("link", name="MailRefused").click()
    expect(page.locator(f"#run-{run_id}")).to_be_visible()
