"""Fast hands: the palette, the shortcuts, and a run's ID that is pasted."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.browser.test_quality import AXE, grave

STRANGE = [
    "javascript:window.pwned=1",
    "//example.com",
    "%00'\"\\",
    "😀" * 90,
    "<img src=x onerror='window.pwned=1'>",
]
PASTE = """(element, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def palette(page: Page) -> Locator:
    """The palette's input, after it was opened."""
    page.keyboard.press("Control+k")
    return page.get_by_role("combobox", name="Page, job, action or run ID")


def results(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Results")


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", level=1, name=name, exact=True)


@pytest.mark.parametrize("key", ["Control+k", "/"])
def test_the_palette_leads_to_a_page_by_the_keyboard_alone(page: Page, key: str) -> None:
    page.goto("/records")
    page.keyboard.press(key)
    box = page.get_by_role("combobox", name="Page, job, action or run ID")
    expect(box).to_be_focused()
    page.keyboard.type("work")
    chosen = results(page).get_by_role("option", selected=True)
    expect(chosen).to_contain_text("Workers")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Enter")
    expect(heading(page, "Workers and queues").or_(heading(page, "Workers"))).to_be_visible()


def test_arrows_choose_and_escape_closes_the_palette(page: Page) -> None:
    page.goto("/records")
    search = page.get_by_role(
        "searchbox", name="Search for runs by ID, error or payload, or for a schedule by name"
    )
    search.focus()
    box = palette(page)
    box.fill("db-cleanup")
    expect(results(page).get_by_role("option", selected=True)).to_have_text(re.compile("^db-cleanup"))
    page.keyboard.press("ArrowDown")
    expect(results(page).get_by_role("option", selected=True)).to_contain_text("Run db-cleanup…")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(search).to_be_focused()


def test_an_action_of_the_palette_leads_to_its_form(page: Page) -> None:
    page.goto("/records")
    palette(page).fill("pause db")
    page.keyboard.press("Enter")
    expect(heading(page, "db-cleanup")).to_be_visible()
    expect(page.get_by_label("Reason (visible to others)")).to_be_focused()


@pytest.mark.parametrize("characters", [8, 36])
def test_a_run_is_opened_by_the_beginning_of_its_id(
    page: Page, run_factory: RunFactory, characters: int
) -> None:
    run_id = run_factory.make("failed", job="send-test-mail")
    page.goto("/records")
    palette(page).fill(run_id[:characters])
    expect(results(page).get_by_role("option", selected=True)).to_contain_text(
        f"Open run {run_id[:characters]}"
    )
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{run_id}|/dashboard/runs\\?text={run_id[:characters]}"))
    expect(page.get_by_text(run_id).or_(page.locator(f"#run-{run_id}")).first).to_be_visible()


@pytest.mark.parametrize("place", ["body", "#search", "#palette-input"])
def test_a_pasted_id_opens_the_run(page: Page, sample_data: dict[str, Any], place: str) -> None:
    page.goto("/records")
    if place == "#palette-input":
        palette(page)
    page.locator(place).evaluate(PASTE, f" {sample_data['failed'].upper()}\n")
    expect(page).to_have_url(re.compile(f"/runs/{sample_data['failed']}$"))


@pytest.mark.parametrize("text", ["not an id", "<img src=x onerror='window.pwned=1'>", "0" * 36])
def test_other_text_that_is_pasted_leads_nowhere(page: Page, text: str) -> None:
    page.goto("/records")
    page.locator("body").evaluate(PASTE, text)
    expect(heading(page, "Records")).to_be_visible()
    assert page.url.endswith("/records")


def test_strange_words_in_the_palette_are_only_searched_for(page: Page) -> None:
    page.goto("/records")
    box = palette(page)
    for text in STRANGE:
        box.fill(text)
        expect(page.get_by_text("No matches.")).to_be_visible()
        expect(results(page).get_by_role("option")).to_contain_text(f"Search for “{text}”")
    page.keyboard.press("Enter")
    expect(heading(page, "All runs")).to_be_visible()
    assert page.evaluate("[window.pwned, document.querySelectorAll('img').length]") == [None, 0]


def test_g_and_a_letter_lead_to_a_page(page: Page) -> None:
    page.goto("/records")
    for keys, name in (("gj", "Jobs"), ("ga", "Activity"), ("gr", "Records")):
        page.keyboard.type(keys)
        expect(heading(page, name)).to_be_visible()


def test_rows_are_walked_selected_and_opened_by_keys(page: Page, run_factory: RunFactory) -> None:
    first, second = (run_factory.make("failed", error="KeysError: by hand") for _ in range(2))
    page.goto("/dashboard/failed?text=KeysError")
    page.keyboard.type("jj")
    expect(page.locator(f"#run-{first} a").first).to_be_focused()
    page.keyboard.type("k")
    expect(page.locator(f"#run-{second} a").first).to_be_focused()
    page.keyboard.type("x")
    expect(page.locator(f"#run-{second}").get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/runs/{second}$"))


def test_r_retries_the_row_in_focus(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make("failed", error="RetryKeyError: by hand")
    page.goto("/dashboard/failed?text=RetryKeyError")
    page.keyboard.type("r")  # no row is in focus yet
    page.keyboard.type("j")
    with page.expect_request(f"**/runs/{run_id}/requeue"):
        page.keyboard.type("r")
    expect(page.locator("#said")).to_contain_text(run_id[:8])


def test_no_key_is_a_shortcut_while_somebody_types_or_a_dialog_is_open(page: Page) -> None:
    page.goto("/records?new=1")
    title = page.get_by_label("Title", exact=True)
    title.press_sequentially("gj/?xr")
    expect(title).to_have_value("gj/?xr")
    expect(page.get_by_role("dialog")).to_be_hidden()
    title.blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.type("gj")
    page.keyboard.press("Escape")
    expect(heading(page, "Records")).to_be_visible()


def test_single_keys_can_be_turned_off(tabs: Tabs) -> None:
    page = tabs.open("/records", own=True)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.type("gj?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(palette(page)).to_be_focused()


@pytest.mark.parametrize("key", ["Control+k", "?"])
def test_axe_finds_nothing_grave_in_the_dialogs(tabs: Tabs, key: str) -> None:
    page = tabs.open("/dashboard", bypass_csp=True)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert grave(page, {}) == []
    page.emulate_media(color_scheme="dark")
    assert grave(page, {"runOnly": ["color-contrast"]}) == []
