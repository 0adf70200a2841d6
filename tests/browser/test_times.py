"""Times in words, in the viewer's zone or in UTC, as the server says them, and never standing still."""

import re
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.time_words import NOW, WORDS

SHOW = """([times, form]) => {
    const main = document.querySelector("main");
    main.replaceChildren(...times.map((at) => {
        const time = Object.assign(document.createElement("time"), { dateTime: at });
        time.dataset.form = form;
        return time;
    }));
    document.dispatchEvent(new Event("live:morphed"));
    return [...main.children].map((time) => time.textContent);
}"""


def words_in(page: Page, times: list[str], form: str = "relative") -> Any:
    page.clock.set_fixed_time(NOW)
    page.goto("/dashboard/activity")
    return page.evaluate(SHOW, [times, form])


def test_the_browser_says_what_the_server_says(tabs: Tabs) -> None:
    page = tabs.open(own=True, timezone_id="UTC")
    assert dict(zip(WORDS, words_in(page, list(WORDS)), strict=True)) == WORDS


def test_what_should_have_happened_is_due(tabs: Tabs) -> None:
    page = tabs.open(own=True, timezone_id="UTC")
    times = ["2026-11-30T09:56:30Z", "2026-11-30T10:00:45Z"]
    assert words_in(page, times, "due") == ["due 3 min ago", "in 45 s"]


def test_a_clock_time_is_the_viewer_s(tabs: Tabs) -> None:
    page = tabs.open(own=True, timezone_id="Asia/Tokyo")
    times = ["2026-11-30T14:00:00Z", "2026-11-30T20:00:00Z", "2026-11-29T08:00:00Z"]
    assert words_in(page, times) == ["23:00", "tomorrow 05:00", "yesterday 17:00"]


def test_times_are_in_utc_if_the_viewer_wants_that(tabs: Tabs, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", ago=timedelta(minutes=3), lines=(("INFO", "a line"),))
    page = tabs.open(f"/runs/{run_id}", own=True)
    exact, of_line = page.locator("time[data-form=exact]").first, page.get_by_role("log").locator(".clock")
    expect(exact).to_have_text(re.compile("CES?T$"))
    expect(of_line).to_have_attribute("title", re.compile("CES?T$"))
    page.get_by_label("Times in").select_option("UTC")
    expect(exact).to_have_text(re.compile("UTC$"))
    expect(of_line).to_have_attribute("title", re.compile("UTC$"))
    page.goto("/jobs/db-cleanup")
    expect(page.get_by_label("Times in")).to_have_value("UTC")
    expect(page.get_by_label("At a time (UTC)")).to_be_visible()


def test_the_time_typed_is_in_the_chosen_zone(tabs: Tabs) -> None:
    page = tabs.open("/jobs/db-cleanup", own=True)
    page.get_by_label("Times in").select_option("UTC")
    page.get_by_label("At a time").fill("2031-07-01T12:00")
    assert page.locator("[name='run-at_offset']").input_value() == "+00:00"
    page.get_by_label("Times in").select_option("")
    assert page.locator("[name='run-at_offset']").input_value() == "+02:00"


def test_relative_times_are_updated(tabs: Tabs, run_factory: RunFactory) -> None:
    page = tabs.open(own=True)
    page.clock.install()
    run_id = run_factory.make("succeeded", ago=timedelta(seconds=90), payload={"batch_size": 90210})
    page.goto("/dashboard/succeeded?text=90210")
    at = page.locator(f"#run-{run_id} .c-finished time")
    expect(at).to_have_text("1 min ago")
    page.clock.run_for(40_000)
    expect(at).to_have_text("2 min ago")
    expect(at).to_have_attribute("title", re.compile(r"\d{1,2} \w{3} \d{4}, \d\d:\d\d:\d\d \w+"))
