"""A press shows at once that it works, a slow page says so after a second, and nothing acts twice."""

from playwright.sync_api import Page, expect

from tests.browser.gate import Gate
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack

TEN_BYTES_A_MS = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


def test_a_pressed_button_is_busy_until_the_answer_and_acts_once(page: Page) -> None:
    page.goto("/jobs")
    gate = Gate(page, "**/jobs/record-expiry/run")
    button = page.get_by_role("article", name="record-expiry").get_by_role("button", name="Run now")
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    button.click()
    button.press("Enter")
    expect(page.get_by_text("Still working on “Run now”…")).to_be_visible()
    assert len(gate.held) == 1
    gate.held[0].continue_()
    expect(page.get_by_role("status")).to_contain_text("Run ")
    expect(button).not_to_have_attribute("aria-busy", "true")
    assert len(gate.held) == 1


def test_a_slow_page_says_so(page: Page) -> None:
    page.goto("/jobs")
    gate = Gate(page, "**/records")
    page.get_by_role("link", name="Records", exact=True).click()
    waiting = page.get_by_text("Loading Records…")
    expect(waiting).to_be_visible()
    gate.held[0].continue_()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    expect(waiting).to_be_hidden()


def test_only_the_page_asked_for_last_is_shown(page: Page) -> None:
    page.goto("/jobs")
    gate = Gate(page, "**/records")
    page.get_by_role("link", name="Records", exact=True).click()
    expect(page.get_by_text("Loading Records…")).to_be_visible()
    page.get_by_role("link", name="Dashboard", exact=True).click()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    page.evaluate("document.addEventListener('htmx:afterSwap', () => { window.isReplaced = true; })")
    with page.expect_request_finished(lambda request: request.url.endswith("/records")):
        gate.held[0].continue_()
    with page.expect_response("**/dashboard"):  # a refresh
        pass
    assert not page.evaluate("window.isReplaced")


def test_a_message_stays_until_it_is_dismissed(page: Page, stack: Stack) -> None:
    page.goto("/jobs")
    page.get_by_role("article", name="record-expiry").get_by_role("button", name="Run now").click()
    said = page.get_by_role("status")
    expect(said).to_contain_text("Open the run")
    with page.expect_response("**/jobs"):  # a refresh
        pass
    expect(said).to_be_visible()
    said.get_by_role("button", name="Dismiss").click()
    expect(said).to_be_hidden()
    expect(page.locator("#main")).to_be_focused()


def test_two_actions_pressed_at_once_are_both_told(page: Page, run_factory: RunFactory) -> None:
    errors = ("FirstError", "SecondError")
    run_factory.make_many([{"state": "failed", "error": f"{error}: x"} for error in errors])
    page.goto("/dashboard/failing")
    gate = Gate(page, "**/dashboard/failing/*/delete")
    for error in errors:
        failure = page.get_by_role("article", name=error)
        failure.get_by_text("Delete", exact=True).click()
        failure.get_by_role("button", name="Delete 1 run").click()
    told = page.get_by_role("status").filter(has_text="1 run of db-cleanup was deleted.")
    for number, route in enumerate(gate.wait(2).held, 1):
        route.continue_()
        expect(told).to_have_count(number)
    assert len(gate.held) == 2


def test_a_slow_network_brings_every_page_in_the_end(tabs: Tabs) -> None:
    page = tabs.open(own=True)
    network = page.context.new_cdp_session(page)
    network.send("Network.emulateNetworkConditions", TEN_BYTES_A_MS)
    page.goto("/dashboard")
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
