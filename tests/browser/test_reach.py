"""With a keyboard only, in the dark, on a phone, in another size of text."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.pages import PAGES
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import PHONE, WIDE, Tabs
from tests.support.stack_process import Stack

LINES = """cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    return text.getClientRects().length;
}"""

FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    const parts = element.type === "datetime-local";  // Chromium rings the part of it that has the focus
    return {
        name: element.id || element.textContent.trim().slice(0, 30),
        body: element === document.body,
        ringed: parts || (shown && element.matches(":focus-visible")),
        visible: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""


def stops(page: Page, most: int = 120) -> list[dict[str, Any]]:
    """Where the Tab key leads, from the beginning of the page to its end."""
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["body"]:
            break
        found.append(stop)
    return found


@pytest.mark.parametrize("path", ["/records", "/jobs", "/dashboard", "/dashboard/failed", "/runs/{failed}"])
def test_every_stop_of_the_tab_key_is_seen(page: Page, sample_data: dict[str, Any], path: str) -> None:
    page.goto(path.format(**sample_data))
    found = stops(page)
    assert found[0]["name"] == "Skip to content"
    assert len(found) > 5
    assert [stop["name"] for stop in found if not (stop["ringed"] and stop["visible"])] == []


def test_the_first_stop_leads_past_the_navigation(page: Page) -> None:
    page.goto("/jobs")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_record_is_made_and_deleted_with_the_keyboard_alone(tabs: Tabs) -> None:
    tabs.expect("status of 404")  # of a refresh that comes between the deletion and the next page
    page = tabs.open("/records")
    page.get_by_text("New record").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("01072031")
    page.keyboard.type("1200p")  # of the afternoon, where the browser counts to twelve
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Record created.")
    page.get_by_role("link", name="Open the record").press("Enter")
    expect(page.get_by_role("heading", level=1, name="By keyboard")).to_be_visible()
    page.get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("deleted.")


@pytest.mark.parametrize("path", ["/records", "/dashboard"])
def test_the_dark_is_really_dark(tabs: Tabs, path: str) -> None:
    colours = "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    page = tabs.open(path)
    assert page.evaluate(colours) == ["rgb(251, 250, 247)", "rgb(28, 27, 25)"]
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colours) == ["rgb(22, 21, 20)", "rgb(236, 233, 228)"]


def test_what_stands_in_an_empty_field_is_readable_in_the_dark(tabs: Tabs) -> None:
    page = tabs.open("/jobs/record-expiry", color_scheme="dark")
    colour = "element => getComputedStyle(element, '::placeholder').color"
    assert page.get_by_label("Batch size").evaluate(colour) == "rgb(163, 157, 147)"


def test_a_phone_can_do_everything(tabs: Tabs, stack: Stack) -> None:
    page = tabs.open("/jobs", viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("article", name="record-expiry").get_by_role("button", name="Run now").tap()
    page.get_by_role("link", name="Open the run").tap()
    expect(page.get_by_role("heading", level=1, name="succeeded")).to_be_visible()
    page.get_by_role("link", name="Dashboard").tap()
    sidebar = page.get_by_role("navigation", name="Dashboard")
    sidebar.get_by_role("link", name="Activity").tap()
    expect(page.get_by_role("heading", level=1, name="Activity", exact=True)).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def test_text_of_twice_the_size_overflows_nothing(tabs: Tabs, stack: Stack) -> None:
    stack.add_record("W" * 300, timedelta(days=2))
    page = tabs.open("/records", viewport={"width": 640, "height": 480}, device_scale_factor=2)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 640


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_long_words_stay_in_their_place(
    tabs: Tabs, stack: Stack, run_factory: RunFactory, sample_data: dict[str, Any], size: ViewportSize
) -> None:
    """Of a title, an error, a note: they make no page wider, and take no room from the short words beside them."""
    word = "W" * 450
    record = stack.add_record(word, timedelta(days=2))
    given = {"error": f"{word}: {word}", "ago": timedelta(minutes=1)}
    ids = {state: run_factory.make(state, **given) for state in ("failed", "processing")}
    stack.call("POST", "/api/jobs/db-cleanup/pause", {"note": word})
    tabs.expect("status of 404")
    page = tabs.open(viewport=size)
    for path in PAGES:
        page.goto(path.format(**sample_data | ids | {"record": record["id"]}))
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"], path
    page.goto("/dashboard/activity")
    did = page.get_by_role("row").filter(has_text="the schedule of db-cleanup").first.get_by_text("paused")
    assert did.evaluate(LINES) == 1
    stack.call("POST", "/api/jobs/db-cleanup/resume", {})


def test_a_phone_sees_every_figure_of_a_queue(tabs: Tabs) -> None:
    page = tabs.open("/dashboard", viewport=PHONE)
    queue = page.locator("#queue-record-expiry")
    for label in ("Waiting", "In flight", "Delayed", "Dead letters", "Enqueued runs", "Oldest waiting run"):
        figure = queue.locator(f"[data-label='{label}']").bounding_box()
        assert figure and figure["x"] + figure["width"] <= PHONE["width"]
