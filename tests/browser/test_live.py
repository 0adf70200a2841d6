"""What is on the screen refreshes by itself, and loses nothing of the person who looks at it."""

import re
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.gate import Gate
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.ports import free_ports
from tests.support.stack_process import Stack, running

HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

IT_CHANGED = {"if-none-match": "another"}
"""The headers of a refresh that brings a page in any case."""


def look_again(page: Page) -> None:
    """Who comes back to a tab does not wait for the next two seconds to pass."""
    page.evaluate(HIDE, False)


def test_an_unchanged_page_polls_and_gets_304(page: Page) -> None:
    with page.expect_response(lambda answer: answer.status == 304):
        page.goto("/records")


def test_what_is_typed_selected_focused_and_scrolled_survives_a_refresh(page: Page, stack: Stack) -> None:
    page.set_viewport_size({"width": 1000, "height": 300})
    page.goto("/jobs")
    shown = page.get_by_role("article", name="db-cleanup")
    shown.get_by_text("Run with a payload or at a later time").click()
    shown.get_by_label("Dry run").check()
    field = shown.get_by_label("Older than days")
    field.fill("123")
    shown.get_by_label("Minutes from now").fill("45")
    shown.get_by_label("Minutes from now").evaluate("element => element.select?.()")
    place = "element => element.getBoundingClientRect().top"
    was_at = field.evaluate(place)
    run = stack.wait(stack.trigger("db-cleanup", payload={"dry_run": True})["id"], "succeeded")
    expect(shown.locator(f"a[href='/runs/{run['id']}']")).to_be_visible()
    expect(field).to_have_value("123")
    expect(shown.get_by_label("Dry run")).to_be_checked()
    expect(shown.get_by_label("Minutes from now")).to_have_value("45")
    expect(shown.get_by_label("Minutes from now")).to_be_focused()
    assert abs(field.evaluate(place) - was_at) < 1
    assert page.evaluate("scrollY") > 0


def test_text_half_typed_into_a_search_keeps_its_caret(page: Page, run_factory: RunFactory) -> None:
    run_factory.make("failed", error="MailError: before")  # the first row of a list does not wait
    page.goto("/dashboard/failed")
    search = page.get_by_label("Search", exact=True)
    search.fill("half typed")
    search.evaluate("element => element.setSelectionRange(2, 6)")
    run_factory.make("failed", error="MailError: meanwhile")
    look_again(page)
    expect(page.locator("[data-held]")).to_contain_text("new")
    expect(search).to_be_focused()
    assert search.evaluate("element => [element.value, element.selectionStart, element.selectionEnd]") == [
        "half typed",
        2,
        6,
    ]


def test_new_runs_wait_behind_a_button_and_selected_rows_stay_selected(
    page: Page, run_factory: RunFactory
) -> None:
    old = run_factory.make("failed", error="HeldError: the old one")
    page.goto("/dashboard/failed?text=HeldError")
    page.locator(f"#run-{old}").get_by_role("checkbox").check()
    new = run_factory.make_many([{"state": "failed", "error": "HeldError: a new one"} for _ in range(4)])
    held = page.get_by_role("button", name="4 new")
    expect(held).to_be_visible()
    expect(page.locator("#runs tr")).to_have_count(1)
    held.click()
    expect(page.locator("#runs tr")).to_have_count(5)
    expect(page.locator(f"#run-{new[0]}")).to_be_visible()
    expect(page.locator(f"#run-{old}").get_by_role("checkbox")).to_be_checked()
    expect(held).to_be_hidden()


def test_a_row_changes_in_place_and_one_that_left_is_dimmed(
    page: Page, run_factory: RunFactory, stack: Stack
) -> None:
    run_id = run_factory.make("processing", progress={"done": 1, "total": 10})
    page.goto("/dashboard/processing")
    row = page.locator(f"#run-{run_id}")
    expect(row).to_contain_text("1 of 10")
    run_factory.report_progress(run_id, {"done": 7, "total": 10}, "seven")
    expect(row).to_contain_text("7 of 10")
    stack.call("POST", f"/api/runs/{run_id}/delete")
    look_again(page)
    expect(row).to_have_class(re.compile("gone"))
    expect(page.locator("[data-held]")).to_contain_text("no longer in this list")


def test_the_counts_of_the_sidebar_follow(page: Page, run_factory: RunFactory) -> None:
    page.goto("/dashboard/workers")
    count = (
        page.get_by_role("navigation", name="Dashboard")
        .get_by_role("link", name="Scheduled")
        .locator(".count")
    )
    before = int(count.inner_text().replace(",", ""))
    run_factory.make("scheduled")
    look_again(page)
    expect(count).to_have_text(f"{before + 1:,}")


def test_what_is_open_stays_open(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", retries=1, error="MailError: open me")
    page.goto("/dashboard/failed?text=open+me")
    row = page.locator(f"#run-{run_id}")
    row.locator("summary").click()
    run_factory.make("failed", error="MailError: open me, too")
    look_again(page)
    expect(page.locator("[data-held]")).to_contain_text("1 new")
    expect(row.get_by_label("Traceback")).to_be_visible()


def test_a_hidden_tab_pauses_until_it_is_visible(tabs: Tabs) -> None:
    page, asked = tabs.open(own=True), []
    page.clock.install()
    page.goto("/dashboard")
    page.evaluate(HIDE, True)
    page.on("request", lambda request: asked.append(request))
    page.clock.run_for(60_000)
    assert asked == []
    with page.expect_request("**/dashboard"):
        page.evaluate(HIDE, False)


def test_what_comes_by_a_refresh_is_text_too(page: Page, run_factory: RunFactory) -> None:
    markup = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'><b id='bold'>"
    page.goto("/dashboard/failed?text=RefreshError")
    run_factory.make("failed", error=f"RefreshError: {markup}")
    expect(page.locator("#runs tr").get_by_text("window.pwned = 1").first).to_be_visible()
    assert page.evaluate("[window.pwned, document.querySelectorAll('#bold, img[src=x]').length]") == [None, 0]


def test_the_server_goes_away_and_comes_back(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expect("Failed to load resource")
    port = free_ports()
    with running(tmp_path, port=port) as stack:
        page = tabs.open(f"{stack.address}/records", own=True)
        page.get_by_text("New record").click()
        page.get_by_label("Title", exact=True).fill("typed before the server went")
    lost = page.get_by_role("alert")
    expect(lost).to_contain_text(
        re.compile(r"Not updated since \d\d:\d\d:\d\d\. The server is not responding\.")
    )
    with running(tmp_path, port=port) as stack:
        stack.add_record("Made after the server came back", timedelta(days=1))
        look_again(page)
        expect(lost).to_be_hidden()
        expect(page.get_by_label("Title", exact=True)).to_have_value("typed before the server went")
        expect(page.get_by_text("Made after the server came back")).to_be_visible()
        page.close()


def test_an_answer_for_the_page_before_is_not_shown(page: Page) -> None:
    page.goto("/jobs")
    refresh = Gate(page, "**/jobs").wait().held[0]
    page.get_by_role("link", name="record-expiry", exact=True).click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("record-expiry")
    page.evaluate("history.replaceState(null, '', '/jobs')")  # as if htmx had swapped, and not said so yet
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/jobs")):
        refresh.continue_(headers=refresh.request.headers | IT_CHANGED)
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert heading.all_inner_texts() == ["record-expiry"]
