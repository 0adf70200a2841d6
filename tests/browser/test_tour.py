"""A newcomer's first visit: everything from an empty console to a run that was mended, by hand, in one go."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.tabs import Tabs, assert_no_complaints
from tests.support.stack_process import Stack, running, until, without_schedules


@pytest.fixture(scope="module")
def untouched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack as after the first `make run`, in which no schedule starts a run of its own meanwhile."""
    folder = tmp_path_factory.mktemp("untouched")
    with running(folder, template=without_schedules(folder)) as stack:
        yield stack


@pytest.fixture
def page(browser: Browser, untouched: Stack) -> Iterator[Page]:
    with assert_no_complaints(Tabs(browser, untouched.address, {})) as tabs:
        yield tabs.open(own=True)


def test_a_newcomer_s_tour(page: Page, untouched: Stack) -> None:
    finds_an_empty_console_that_says_what_to_do(page)
    makes_a_record_that_has_expired_already(page)
    runs_the_job_that_marks_it_and_watches(page)
    counts_what_a_cleanup_would_remove(page)
    sends_a_mail_that_is_refused_and_mends_that(page, untouched)
    puts_a_run_off_and_changes_their_mind(page)
    pauses_a_schedule_and_resumes_it(page)
    sees_it_all_in_the_figures(page, untouched)


def go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


def card(page: Page, job: str) -> Any:
    return page.get_by_role("article", name=job)


def said(page: Page) -> Any:
    return page.locator(".flash")


def finds_an_empty_console_that_says_what_to_do(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("/dashboard$"))
    who = page.get_by_text("you (this machine) · admin")
    expect(who).to_have_attribute("title", "Users on this machine are signed in without a password")
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Failed").click()
    expect(page.get_by_role("heading", name="No runs")).to_be_visible()
    page.get_by_role("link", name="Go to the jobs").click()
    expect(card(page, "record-expiry")).to_contain_text("None yet.")
    go(page, "Records")
    expect(page.get_by_role("heading", name="No records yet")).to_be_visible()
    expect(page.get_by_text("make seed", exact=True)).to_be_visible()


def makes_a_record_that_has_expired_already(page: Page) -> None:
    page.get_by_role("link", name="Create the first record").click()
    page.get_by_label("Title", exact=True).fill("Old contract")
    page.get_by_label("Expires").fill("2026-01-31T12:00")
    page.get_by_role("button", name="Create record").click()
    expect(said(page)).to_contain_text("Record created.")
    expect(page.get_by_role("row").filter(has_text="Old contract")).to_be_visible()


def runs_the_job_that_marks_it_and_watches(page: Page) -> None:
    go(page, "Jobs")
    card(page, "record-expiry").get_by_role("button", name="Run now").click()
    said(page).get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1, name="succeeded")).to_be_visible()
    expect(page.get_by_text('"expired": 1')).to_be_visible()
    go(page, "Records")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Expired").click()
    expect(page.get_by_role("link", name="Old contract")).to_be_visible()


def counts_what_a_cleanup_would_remove(page: Page) -> None:
    go(page, "Jobs")
    card(page, "db-cleanup").get_by_text("Run with a payload or at a later time").click()
    card(page, "db-cleanup").get_by_label("Dry run").check()
    card(page, "db-cleanup").get_by_role("button", name="Run", exact=True).click()
    said(page).get_by_role("link", name="Open the run").click()
    expect(page.get_by_text('"would_delete": 1')).to_be_visible()


def sends_a_mail_that_is_refused_and_mends_that(page: Page, untouched: Stack) -> None:
    untouched.call("PUT", "/outbox/mode", {"mode": "reject-recipient"})
    go(page, "Jobs")
    card(page, "daily-summary").get_by_role("button", name="Run now").click()
    said(page).get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1, name="failed")).to_be_visible()
    expect(page.get_by_text("you@example.com").first).to_be_visible()
    untouched.call("PUT", "/outbox/mode", {"mode": "accept"})
    go(page, "Dashboard")
    verdict = page.get_by_role("region", name="Warnings")
    expect(verdict).to_contain_text("daily-summary is failing: 1 run failed in the last 7 days.")
    verdict.get_by_role("link", name="See what fails").click()
    page.get_by_role("region", name="daily-summary").get_by_role("button", name="Retry").click()
    expect(said(page)).to_contain_text("1 run of daily-summary was queued for a retry.")
    until(lambda: untouched.get("/api/runs?job=daily-summary&state=succeeded")["items"], bool)
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Succeeded").click()
    expect(page.locator("#runs tr").filter(has_text="daily-summary")).to_be_visible()
    assert len(untouched.get("/outbox.json")) == 1


def puts_a_run_off_and_changes_their_mind(page: Page) -> None:
    go(page, "Jobs")
    page.get_by_role("link", name="record-expiry", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="record-expiry", exact=True)).to_be_visible()
    page.get_by_label("Minutes from now").fill("30")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(said(page)).to_contain_text("starts in 30 minutes.")
    page.get_by_role("link", name="Open the run").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="deleted")).to_be_visible()


def pauses_a_schedule_and_resumes_it(page: Page) -> None:
    go(page, "Jobs")
    card(page, "db-cleanup").get_by_text("Pause the schedule").click()
    card(page, "db-cleanup").get_by_label("Reason").fill("nothing may go while we look")
    card(page, "db-cleanup").get_by_role("button", name="Pause", exact=True).click()
    expect(card(page, "db-cleanup")).to_contain_text("nothing may go while we look")
    card(page, "db-cleanup").get_by_role("button", name="Resume").click()
    expect(card(page, "db-cleanup").get_by_role("list", name="Next scheduled times")).to_be_visible()


def sees_it_all_in_the_figures(page: Page, untouched: Stack) -> None:
    untouched.dispatch()
    go(page, "Dashboard")
    sidebar = page.get_by_role("navigation", name="Dashboard")
    expect(sidebar.get_by_role("link", name="Succeeded")).to_contain_text("3")
    sidebar.get_by_role("link", name="Analytics").click()
    runs = page.get_by_role("figure").filter(has=page.get_by_role("heading", name="Runs", exact=True))
    expect(runs).to_contain_text("3 succeeded, 1 failed, 1 deleted")
    sidebar.get_by_role("link", name="Activity").click()
    for action in ("paused", "resumed", "retried", "deleted", "created"):
        expect(page.locator("#activity").get_by_text(action, exact=True).first).to_be_visible()
