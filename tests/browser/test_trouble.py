"""What a page that is open says while something behind it is away, and that it finds back by itself."""

import re

from playwright.sync_api import Page, expect

from tests.browser.tabs import Tabs

DETAIL = "The database cannot be reached at the moment; try again later."
FAILURE = f'<title>Service unavailable</title><section id="live" data-error><p>{DETAIL}</p></section>'


def fail(page: Page) -> None:
    page.route(re.compile("/records"), lambda route: route.fulfill(status=503, body=FAILURE))


def test_a_page_that_is_not_up_to_date_says_why(tabs: Tabs) -> None:
    tabs.expect("Failed to load resource")
    page = tabs.open("/records", own=True)
    fail(page)
    expect(page.get_by_role("alert")).to_contain_text(
        "The database cannot be reached at the moment. This page may be out of date"
    )
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_page_of_an_error_becomes_the_wanted_page(tabs: Tabs) -> None:
    tabs.expect("Failed to load resource")
    page = tabs.open("/jobs", own=True)
    fail(page)
    page.get_by_role("link", name="Records", exact=True).click()
    expect(page.get_by_text(DETAIL)).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile("Records"))


def test_a_refusal_is_no_server_that_is_away(tabs: Tabs) -> None:
    tabs.expect("Failed to load resource")
    page = tabs.open("/dashboard/analytics?window=century", own=True)
    with page.expect_response(re.compile("window=century")):
        pass
    expect(page.get_by_role("heading", name="No such time span")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_was_typed_stays_when_the_session_is_over(tabs: Tabs) -> None:
    tabs.expect("Failed to load resource")
    page = tabs.open("/records?new=1", own=True)
    page.get_by_label("Title", exact=True).fill("typed before the end")
    page.get_by_role("button", name="in 30 days").click()
    stays = {"HX-Reswap": "none", "HX-Push-Url": "false"}
    page.route(re.compile("/records"), lambda route: route.fulfill(status=401, headers=stays))
    page.get_by_role("button", name="Create record").click()
    expect(page.get_by_role("alert")).to_contain_text("signed out")
    expect(page.get_by_label("Title", exact=True)).to_have_value("typed before the end")
