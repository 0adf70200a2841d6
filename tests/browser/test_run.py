"""The page of one run: everything that is known about it, live, and the buttons that fit its state."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.support.stack_process import Stack, until

ME = "you (this machine)"


def test_a_failed_run_shows_every_attempt_and_its_history(page: Page, run_factory: RunFactory) -> None:
    error = "MailError: the server said 451"
    run_id = run_factory.make("failed", retries=2, error=error, payload={"dry_run": True}, by="Ada")
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1, name="failed")).to_be_visible()
    expect(page.locator(".attempts > li")).to_have_count(3)
    expect(page.get_by_label("Traceback of attempt 3")).to_contain_text("Traceback (most recent call last)")
    page.locator("#error-1 summary").click()
    expect(page.get_by_label("Traceback of attempt 1")).to_be_visible()
    expect(page.get_by_text('"dry_run": true')).to_be_visible()
    history = page.locator(".history > li")
    expect(history).to_have_count(7)
    expect(history.last).to_contain_text("created by console · Ada")
    expect(history.nth(1).get_by_title("Time since the previous event")).to_have_text("+30.0 s")
    page.get_by_role("link", name="Runs with the same error").click()
    expect(page).to_have_url(re.compile("error_type=MailError"))
    expect(page.locator(f"#run-{run_id}")).to_be_visible()


def test_a_retry_says_which_it_is_of_how_many_and_why(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("scheduled", retries=3, error="Timeout: the server was silent")
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_text("Retry 3 of 10, due")).to_be_visible()
    expect(page.get_by_text("after Timeout: the server was silent")).to_be_visible()


def test_progress_and_log_come_while_the_run_works(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make(
        "processing", progress={"done": 20, "total": 80}, lines=(("INFO", "the first line"),)
    )
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "25")
    expect(page.get_by_text("20 of 80")).to_be_visible()
    log = page.get_by_role("log")
    expect(log).to_contain_text("the first line")
    run_factory.report_progress(run_id, {"done": 60, "total": 80}, "the second line")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "75")
    expect(log).to_contain_text("the second line")


def test_a_processing_run_can_be_stopped(page: Page, stack: Stack, mailbox: Any) -> None:
    mailbox("stall")
    run_id = stack.trigger("daily-summary", payload={"resend": True})["id"]
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1, name="processing")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="deleted")).to_be_visible()
    expect(page.get_by_text("Deleted while it was being processed.")).to_be_visible()
    assert stack.run(run_id)["state"] == "deleted"


def test_a_second_run_of_a_job_waits_and_says_why(page: Page, stack: Stack, run_factory: RunFactory) -> None:
    first = run_factory.make("processing", job="db-cleanup", exclusive=True)
    second = stack.trigger("db-cleanup", payload={"dry_run": True})["id"]
    try:
        page.goto(f"/runs/{second}")
        expect(page.get_by_text("waiting for another run")).to_be_visible()
        expect(page.get_by_role("heading", level=1, name="enqueued")).to_be_visible()
    finally:
        for run_id in (second, first):
            stack.call("POST", f"/api/runs/{run_id}/delete")


def test_a_run_whose_worker_vanished_is_found_and_tried_again(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    over = datetime.now(UTC) - timedelta(minutes=2)
    run_id = run_factory.make("processing", ago=timedelta(minutes=20), lease_until=over)
    page.goto("/dashboard/processing")
    expect(page.locator(f"#run-{run_id}")).to_contain_text("has probably died")
    stack.dispatch()
    page.goto(f"/runs/{run_id}")
    expect(page.locator(".attempts > li").last).to_contain_text("lost")
    expect(page.get_by_text(re.compile("Retry 1 of 10, due"))).to_be_visible()


def test_a_button_that_came_too_late_says_so_and_does_nothing(page: Page, stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=3600, payload={"dry_run": True})["id"]
    page.goto(f"/runs/{run_id}")
    page.route(f"**/runs/{run_id}", lambda route: route.abort())  # the page does not hear of it
    stack.call("POST", f"/api/runs/{run_id}/delete")
    page.unroute(f"**/runs/{run_id}")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was done: the run is now deleted")
    assert stack.run(run_id)["state"] == "deleted"


def test_every_identifier_of_a_run_leads_somewhere(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("succeeded")
    page.goto("/dashboard/succeeded")
    page.get_by_role("link", name=f"{run_id[:8]}…{run_id[-4:]}").click()
    expect(page).to_have_url(re.compile(run_id))
    page.get_by_role("main").get_by_role("link", name="db-cleanup").first.click()
    expect(page).to_have_url(re.compile("/jobs/db-cleanup$"))


def test_a_long_payload_leaves_the_history_in_sight(page: Page, run_factory: RunFactory) -> None:
    everybody = [f"person-{number}@example.com" for number in range(200)]
    page.goto(f"/runs/{run_factory.make('succeeded', payload={'recipients': everybody})}")
    payload = page.get_by_role("region", name="Payload")
    expect(payload).to_contain_text("person-199@example.com")
    expect(page.locator(".history")).to_be_in_viewport()
    payload.focus()  # so that the arrow keys scroll it
    expect(payload).to_be_focused()


def test_a_run_that_fails_shows_the_mail_server_s_reason(page: Page, stack: Stack, mailbox: Any) -> None:
    mailbox("reject-recipient")
    run_id = stack.trigger("daily-summary", payload={"resend": True})["id"]
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1, name="failed")).to_be_visible()
    expect(page.locator(".failed-strip")).to_contain_text("you@example.com")
    until(lambda: stack.run(run_id)["state"], lambda state: state == "failed")
    page.goto("/dashboard/failed")
    expect(page.locator(f"#run-{run_id}")).to_contain_text("you@example.com")
