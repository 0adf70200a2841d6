"""The page of one run: everything that is known about it, live, and the buttons that fit its state."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.gate import Gate
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.database_client import DatabaseClient
from tests.support.stack_process import Stack, until

ME = "you (this machine)"


def test_a_failed_run_shows_every_attempt_and_its_history(page: Page, run_factory: RunFactory) -> None:
    error = "MailError: the server said 451"
    run_id = run_factory.make("failed", retries=2, error=error, payload={"dry_run": True}, by="Ada")
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1, name="failed")).to_be_visible()
    expect(page.locator(".attempts > li")).to_have_count(3)
    trace = page.get_by_role("region", name="Traceback of attempt 3")
    expect(trace.get_by_text("MailError: the server said 451")).to_be_in_viewport()
    expect(trace.get_by_text("result = handler(context)")).to_be_hidden()
    trace.get_by_text("1 library frame").click()
    expect(trace.get_by_text("result = handler(context)")).to_be_visible()
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
    expect(page.get_by_text("Retry 3 of 10 is due")).to_be_visible()
    error = page.get_by_role("region", name="Error", exact=True)
    expect(error).to_contain_text("Timeout: the server was silent")


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
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", level=1, name="stopped")).to_be_visible()
    expect(page.get_by_text("Its handler stops at its next checkpoint; what it has done")).to_be_visible()
    assert stack.run(run_id)["state"] == "deleted"


def test_a_second_run_of_a_job_waits_and_says_why(page: Page, stack: Stack, run_factory: RunFactory) -> None:
    first = run_factory.make("processing", job="db-cleanup", exclusive=True)
    second = stack.trigger("db-cleanup", payload={"dry_run": True})["id"]
    try:
        page.goto(f"/runs/{second}")
        expect(page.get_by_text("Queued behind run")).to_be_visible()
        expect(page.get_by_role("heading", level=1, name="enqueued")).to_be_visible()
    finally:
        for run_id in (second, first):
            stack.call("POST", f"/api/runs/{run_id}/delete")


def test_a_run_whose_worker_vanished_is_found_and_tried_again(
    page: Page, stack: Stack, run_factory: RunFactory
) -> None:
    over = datetime.now(UTC) - timedelta(minutes=2)
    run_id = run_factory.make("processing", ago=timedelta(minutes=20), lease_until=over)
    with closing(DatabaseClient(stack.port + 1, stack.data).connect()) as con:
        con.run("START TRANSACTION")  # a pass of the dispatcher's own leaves a locked run for the next one
        con.run("SELECT FROM job_run WHERE id = CAST(:id AS uuid) FOR UPDATE", id=run_id)
        page.goto("/dashboard/processing")
        expect(page.locator(f"#run-{run_id}")).to_contain_text("has probably died")
        con.run("ROLLBACK")
    stack.dispatch()
    page.goto(f"/runs/{run_id}")
    expect(page.locator(".attempts > li").last).to_contain_text("lost")
    expect(page.get_by_text(re.compile("Retry 1 of 10 is due"))).to_be_visible()


def test_a_button_that_came_too_late_says_so_and_does_nothing(page: Page, stack: Stack) -> None:
    run_id = stack.trigger("db-cleanup", delay_seconds=3600, payload={"dry_run": True})["id"]
    page.goto(f"/runs/{run_id}")
    # No refresh is answered, so the page does not hear of what follows.
    Gate(page, f"**/runs/{run_id}").wait()
    stack.call("POST", f"/api/runs/{run_id}/delete")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status")).to_contain_text("it has been deleted in the meantime")
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
    expect(page.get_by_role("region", name="Error", exact=True)).to_contain_text("you@example.com")
    until(lambda: stack.run(run_id)["state"], lambda state: state == "failed")
    page.goto("/dashboard/failed")
    expect(page.locator(f"#run-{run_id}")).to_contain_text("you@example.com")


def test_the_timeline_leads_to_the_attempt_and_says_what_it_was(page: Page, run_factory: RunFactory) -> None:
    page.goto(f"/runs/{run_factory.make('failed', retries=2)}")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_role("listitem")).to_have_count(3)
    expect(timeline.locator("title").nth(1)).to_have_text("Attempt 1: failed after 1.2 s")
    expect(timeline.get_by_role("listitem").nth(1)).to_contain_text(
        "Back-off of 30.0 s before the next attempt"
    )
    timeline.locator("rect.hit").nth(1).click()
    expect(page).to_have_url(re.compile("#attempt-1$"))
    expect(page.locator("#attempt-1")).to_be_in_viewport()
    timeline.get_by_role("link", name="Attempt 3").click()
    expect(page).to_have_url(re.compile("#attempt-3$"))


def test_what_runs_counts_up_every_second(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("processing", ago=timedelta(seconds=70), payload={"batch_size": 70707})
    page.clock.install()
    for path, place in (
        (f"/runs/{run_id}", ".strip"),
        ("/dashboard/runs?text=70707", f"#run-{run_id} .c-took"),
    ):
        page.goto(path)
        counted = page.locator(f"{place} [data-since]")
        expect(counted).to_have_text(re.compile(r"^1 m \d\d s$"))
        before = counted.inner_text()
        page.clock.run_for(1000)
        expect(counted).not_to_have_text(before)


def test_identifiers_and_errors_are_copied_whole(tabs: Tabs, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="MailError: the server said 451")
    page = tabs.open(f"/runs/{run_id}", permissions=["clipboard-read", "clipboard-write"])
    clipboard = "navigator.clipboard.readText()"
    page.get_by_role("button", name="Copy run ID").first.click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate(clipboard) == run_id
    page.get_by_role("button", name="Copy the traceback").click()
    expect(page.get_by_role("button", name="Copy the traceback")).to_have_text("Copied")
    copied = page.evaluate(clipboard)
    assert copied.startswith("Traceback (most recent call last):") and "result = handler(context)" in copied
    assert copied.endswith("MailError: the server said 451\n")


def test_the_log_is_searched_in_place(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("succeeded", lines=(("INFO", "the first line"), ("ERROR", "the second line")))
    page.goto(f"/runs/{run_id}")
    log = page.get_by_role("log")
    page.get_by_label("Level").select_option("Errors")
    expect(log).not_to_contain_text("the first line")
    expect(page).to_have_url(re.compile("level=error"))
    page.get_by_role("searchbox", name="Search the log").fill("nowhere")
    page.get_by_role("searchbox", name="Search the log").press("Enter")
    expect(page.get_by_text("No line matches.")).to_be_visible()
    page.get_by_role("link", name="Show all lines").click()
    expect(log).to_contain_text("the first line")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"run-{run_id}.txt"


def test_a_run_is_run_again_with_another_payload(page: Page, stack: Stack, run_factory: RunFactory) -> None:
    first = run_factory.make("failed", job="db-cleanup", payload={"older_than_days": 30, "dry_run": True})
    page.goto(f"/runs/{first}")
    page.get_by_role("link", name="Run again with changes…").click()
    expect(page.get_by_label("Older than days")).to_have_value("30")
    expect(page.get_by_label("Dry run")).to_be_checked()
    page.get_by_label("Older than days").fill("40")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("Run again from")).to_be_visible()
    expect(page.get_by_text('"older_than_days": 40')).to_be_visible()
    page.get_by_role("main").get_by_role("link", name=f"{first[:8]}…{first[-4:]}").first.click()
    expect(page.get_by_text("Run again as")).to_be_visible()


def test_the_runs_before_and_after_are_a_click_away(page: Page, run_factory: RunFactory) -> None:
    first, second = (run_factory.make("succeeded", job="daily-summary") for _ in range(2))
    page.goto(f"/runs/{first}")
    page.get_by_role("link", name="Next run").click()
    expect(page).to_have_url(re.compile(second))
    page.get_by_role("link", name="Previous run").click()
    expect(page).to_have_url(re.compile(first))


def test_the_log_and_the_form_work_without_scripts(tabs: Tabs, run_factory: RunFactory) -> None:
    run_id = run_factory.make("succeeded", lines=(("INFO", "the first line"), ("ERROR", "the second line")))
    page = tabs.open(f"/runs/{run_id}", java_script_enabled=False)
    page.get_by_role("searchbox", name="Search the log").fill("second")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("log")).not_to_contain_text("the first line")
    page.get_by_role("link", name="Run again with changes…").click()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("Run again from")).to_be_visible()
