"""Without scripts, with little motion, and in narrow windows, every link and form still works."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs

WORK = """button => {
    button.setAttribute("aria-busy", "true");
    return [button.getAnimations().length, getComputedStyle(button, "::after").content];
}"""


@pytest.fixture
def bare(tabs: Tabs) -> Page:
    return tabs.open("/dashboard", java_script_enabled=False)


def test_links_forms_and_the_search_work_without_scripts(bare: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="BareError: no scripts")
    bare.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Failed").click()
    row = bare.locator(f"#run-{run_id}")
    row.get_by_role("button", name="Retry").click()
    expect(bare.get_by_role("status").filter(has_text=run_id[:8])).to_be_visible()
    bare.get_by_role(
        "searchbox", name="Search for runs by ID, error or payload, or for a schedule by name"
    ).fill(run_id)
    bare.keyboard.press("Enter")
    expect(bare).to_have_url(re.compile(f"/runs/{run_id}$"))
    expect(bare.get_by_role("alert")).to_be_hidden()


def test_nothing_is_offered_that_needs_scripts(bare: Page) -> None:
    expect(bare.get_by_text("Times are in UTC")).to_be_visible()
    for name in ("Keyboard shortcuts", "Go to a page, job, action or run", "Dismiss"):
        expect(bare.get_by_role("button", name=name)).to_be_hidden()
    expect(bare.get_by_label("Theme")).to_be_hidden()


def test_a_time_is_in_words_without_scripts_too(tabs: Tabs, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="BareError: long ago", ago=timedelta(hours=3, minutes=5))
    page = tabs.open("/dashboard/failed?text=BareError:+long+ago", java_script_enabled=False)
    expect(page.locator(f"#run-{run_id} time").last).to_have_text("3 h ago")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_what_works_moves_only_if_motion_is_welcome(tabs: Tabs, motion: str) -> None:
    page = tabs.open("/jobs", reduced_motion=motion)
    button = page.get_by_role("button", name="Run now").first
    assert button.evaluate(WORK) == [0 if motion == "reduce" else 1, '"…"']


@pytest.mark.parametrize("width", [360, 600])
def test_the_top_bar_has_two_lines_at_most(tabs: Tabs, width: int) -> None:
    page = tabs.open("/dashboard", viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)
    parts = [page.get_by_role("navigation", name="Main"), page.get_by_role("search"), page.locator(".who")]
    lines = {box["y"] + box["height"] / 2 for part in parts if (box := part.bounding_box())}
    header = page.get_by_role("banner").bounding_box()
    assert header and header["height"] < 100 and len({round(line / 12) for line in lines}) <= 2
