"""The viewer's theme: kept in the browser, the same everywhere, and never wrong for a moment."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.gate import Gate
from tests.browser.tabs import Tabs

PAPER = {"light": "rgb(251, 250, 247)", "dark": "rgb(22, 21, 20)"}
COLOUR = "getComputedStyle(document.body).backgroundColor"


def paper(page: Page) -> str:
    return str(page.evaluate(COLOUR))


@pytest.mark.parametrize(("system", "chosen"), [("light", "dark"), ("dark", "light")])
def test_the_chosen_theme_is_kept_and_system_follows_the_system(tabs: Tabs, system: str, chosen: str) -> None:
    page = tabs.open("/records", color_scheme=system)
    theme = page.get_by_label("Theme")
    assert paper(page) == PAPER[system]
    theme.select_option(chosen)
    assert paper(page) == PAPER[chosen]
    page.goto("/dashboard")
    expect(theme).to_have_value(chosen)
    assert paper(page) == PAPER[chosen]
    theme.select_option("")
    assert paper(page) == PAPER[system]


def test_the_theme_is_there_before_the_scripts_are(tabs: Tabs) -> None:
    page = tabs.open("/records", color_scheme="light")
    page.get_by_label("Theme").select_option("dark")
    gate = Gate(page, "**/app-*.js")
    page.reload(wait_until="commit")
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    assert paper(page) == PAPER["dark"]
    gate.open()


def test_the_stack_s_own_pages_have_the_theme_too(tabs: Tabs) -> None:
    page = tabs.open("/records", color_scheme="light")
    page.get_by_label("Theme").select_option("dark")
    for path in ("/local", "/outbox"):
        page.goto(path)
        assert paper(page) == PAPER["dark"]
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Dashboard").click()
        expect(page.get_by_role("navigation", name="Dashboard")).to_be_visible()
