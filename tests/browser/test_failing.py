"""What is failing, in the browser: a mail's link, the tab, and buttons that settle a failure."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.test_live import look_again

ICON = "document.querySelector('link[rel=icon]').href"


def test_a_failure_is_acknowledged_while_it_goes_on(page: Page, run_factory: RunFactory) -> None:
    failing = {"job": "daily-summary", "retries": 1, "error": "AckError: box 1 is full"}
    run_factory.make("scheduled", ago=timedelta(minutes=5), **failing)
    page.goto("/dashboard/failing")
    failure = page.get_by_role("article", name="AckError in daily-summary")
    failure.get_by_text("Acknowledge", exact=True).click()
    note = failure.get_by_label("Note (visible to others)")
    note.fill("Ann knows")
    run_factory.make("scheduled", ago=timedelta(minutes=3), **failing | {"error": "AckError: box 22 is full"})
    look_again(page)
    expect(failure).to_contain_text("2 being retried")
    expect(note).to_have_value("Ann knows")
    failure.get_by_role("button", name="Acknowledge until it happens again").click()
    expect(
        failure.get_by_text(re.compile("Acknowledged .* until it happens again: Ann knows"))
    ).to_be_focused()
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Failing").click()
    page.get_by_text(re.compile(r"^Acknowledged \(\d+\)$")).click()
    expect(failure).to_contain_text("Ann knows")
    failure.get_by_role("button", name="Undo").click()
    expect(failure.get_by_role("button", name="Retry all 2")).to_be_visible()


def test_acknowledging_moves_no_other_failure(page: Page, run_factory: RunFactory) -> None:
    errors = [{"state": "failed", "error": f"{name}Error: x"} for name in ("Above", "Middle", "Below")]
    run_factory.make_many(errors)
    page.goto("/dashboard/failing")
    failures = [page.get_by_role("article", name=each["error"].split(":")[0]) for each in errors]
    failure = failures[1]

    def tops() -> list[float]:
        return [each.evaluate("element => element.getBoundingClientRect().top") for each in failures]

    was = tops()
    failure.get_by_text("Acknowledge", exact=True).click()
    expect(failure.get_by_label("Note (visible to others)")).to_be_visible()
    assert tops() == was
    failure.get_by_role("button", name="Acknowledge until it happens again").click()
    expect(failure.get_by_role("button", name="Undo")).to_be_visible()
    assert tops() == was
    run_factory.make("failed", error="LaterError: x")
    look_again(page)
    expect(page.get_by_role("article", name="LaterError")).to_be_visible()
    expect(failure.get_by_role("button", name="Undo")).to_be_visible()
    failure.get_by_role("button", name="Undo").click()
    expect(failure.get_by_role("button", name="Retry")).to_be_visible()


def test_title_and_icon_follow_the_number_of_failing_jobs(page: Page, run_factory: RunFactory) -> None:
    page.goto("/records")
    run_factory.make("succeeded", job="send-test-mail")
    page.reload()
    before, icon = page.title(), page.evaluate(ICON)
    run_factory.make("failed", job="send-test-mail", error="IconError: x")
    look_again(page)
    expect(page).not_to_have_title(before)
    expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    (number,) = re.findall(r"\d+", page.title())
    assert page.evaluate(ICON) != icon and f"%3E{number}%3C/text%3E" in page.evaluate(ICON)


def test_all_runs_of_a_failure_are_deleted_after_a_second_thought(
    page: Page, run_factory: RunFactory
) -> None:
    run_factory.make_many([{"state": "failed", "error": f"GoneError: {number}"} for number in range(3)])
    page.goto("/dashboard/failing")
    failure = page.get_by_role("article", name="GoneError in db-cleanup")
    expect(
        failure.get_by_role("img", name=re.compile("3 failed attempts in the last 24 hours"))
    ).to_be_visible()
    failure.get_by_text("Delete all", exact=True).click()
    expect(failure).to_contain_text("This deletes 3 runs of db-cleanup that failed with GoneError.")
    failure.get_by_role("button", name="Delete 3 runs").click()
    expect(page.get_by_role("status").filter(has_text="3 runs of db-cleanup were deleted.")).to_be_visible()
    expect(failure).to_have_count(0)


def test_notifications_about_a_job_are_muted_and_unmuted_on_its_page(page: Page) -> None:
    page.goto("/jobs/daily-summary")
    page.get_by_text("Mute notifications").click()
    page.get_by_label("How long", exact=True).select_option("8 hours")
    page.locator("details.mute").get_by_label("Note (visible to others)").fill("the provider moves")
    page.get_by_role("button", name="Mute", exact=True).click()
    card = page.get_by_role("article")
    expect(card).to_contain_text(re.compile("Muted until .*: the provider moves"))
    page.get_by_role("button", name="Unmute").click()
    expect(page.get_by_text("Mute notifications")).to_be_visible()
