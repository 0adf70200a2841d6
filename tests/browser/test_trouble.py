"""What a page that is open says while something behind it is away, and that it finds back by itself."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.tabs import Tabs

DETAIL = "Reading the records took longer than ten seconds."
FAILURE = f'<title>Too slow</title><main><section id="live" data-error><p>{DETAIL}</p></section></main>'
GATEWAY = {"status": 504, "content_type": "application/json", "body": '{"message": "Internal Server Error"}'}
PROXY = {"status": 502, "content_type": "text/html", "body": "<h1>Bad gateway</h1>"}
SLOW = {"status": 504, "content_type": "text/html", "body": FAILURE}


@pytest.fixture
def tabs(tabs: Tabs) -> Tabs:
    tabs.expect("Failed to load resource", "htmx:(sendError|afterRequest|historyCacheMissLoadError)")
    return tabs


def answer(page: Page, path: str, **with_this: Any) -> None:
    page.route(re.compile(path), lambda route: route.fulfill(**with_this))


def message(page: Page, text: str) -> Locator:
    return page.get_by_role("alert").filter(has_text=text)


@pytest.mark.parametrize(
    ("failure", "why"),
    [(SLOW, DETAIL), (GATEWAY, "The server could not answer (status 504)."), (PROXY, "(status 502)")],
    ids=["slow", "gateway", "proxy"],
)
def test_a_page_that_is_not_up_to_date_says_since_when_and_why(
    tabs: Tabs, failure: dict[str, Any], why: str
) -> None:
    page = tabs.open(own=True)
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.goto("/records")
    answer(page, "/records", **failure)
    page.clock.run_for("00:02")  # the page looks once; then only a press makes it look again
    outdated = message(page, why)
    expect(outdated).to_contain_text(re.compile(r"Not updated since \d\d:\d\d:\d\d\."))
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    page.unroute_all()
    outdated.get_by_role("button", name="Try again").click()
    expect(outdated).to_be_hidden()


@pytest.mark.parametrize("failure", [SLOW, GATEWAY, PROXY], ids=["slow", "gateway", "proxy"])
def test_a_page_that_cannot_be_opened_leaves_the_old_one(tabs: Tabs, failure: dict[str, Any]) -> None:
    page = tabs.open("/jobs", own=True)
    answer(page, "/records", **failure)
    page.get_by_role("link", name="Records", exact=True).click()
    banner = message(page, "Records could not be opened.")
    expect(banner).to_be_visible()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    assert page.url.endswith("/jobs") and "Internal Server Error" not in page.content()
    page.unroute_all()
    banner.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/records$"))


@pytest.mark.parametrize("failure", [GATEWAY, PROXY | {"status": 200}], ids=["gateway", "proxy"])
def test_going_back_to_what_cannot_be_had_leaves_the_old_page(tabs: Tabs, failure: dict[str, Any]) -> None:
    page = tabs.open("/records", own=True)
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    answer(page, "/records", **failure)
    page.go_back()
    banner = message(page, "The page could not be opened.")
    expect(banner).to_be_visible()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.unroute_all()
    banner.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()


def test_a_page_of_an_error_becomes_the_wanted_page(tabs: Tabs) -> None:
    page = tabs.open(own=True)
    names = ("preferences", "htmx.min", "idiomorph.min", "app")
    scripts = "".join(f'<script src="/static/{name}-x.js"></script>' for name in names)
    slow = SLOW | {"body": f"<body>{FAILURE}{scripts}"}
    page.route(re.compile("/records"), lambda route: route.fulfill(**slow), times=1)
    page.goto("/records")
    expect(page.get_by_role("heading", name="Records", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile("Records"))


@pytest.mark.parametrize("failure", [None, SLOW, GATEWAY, PROXY], ids=["lost", "slow", "gateway", "proxy"])
def test_an_action_without_an_answer_may_have_been_done(tabs: Tabs, failure: dict[str, Any] | None) -> None:
    page = tabs.open("/jobs", own=True)

    def respond(route: Route) -> None:
        route.fulfill(**failure) if failure else route.abort()

    page.route("**/jobs/record-expiry/run", respond)
    button = page.get_by_role("article", name="record-expiry").get_by_role("button", name="Run now")
    button.click()
    unanswered = message(page, "no answer to “Run now”. This may or may not have been done.")
    expect(unanswered).to_be_visible()
    expect(button).not_to_have_attribute("aria-busy", "true")
    unanswered.get_by_role("link", name="Check the job").click()
    expect(page.get_by_role("heading", level=1, name="record-expiry")).to_be_visible()
    unanswered.get_by_role("button", name="Dismiss").click()
    expect(unanswered).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", level=1, name="record-expiry")).to_be_visible()
    expect(unanswered).to_be_hidden()


def test_an_action_that_the_gateway_refuses_was_not_done(tabs: Tabs) -> None:
    page = tabs.open("/jobs", own=True)
    answer(page, "record-expiry/run", status=429, body='{"message": "Too Many Requests"}')
    page.get_by_role("article", name="record-expiry").get_by_role("button", name="Run now").click()
    expect(message(page, "“Run now” was refused, so nothing was done.")).to_be_visible()


def test_a_refusal_is_no_server_that_is_away(tabs: Tabs) -> None:
    page = tabs.open("/dashboard/analytics?window=century", own=True)
    with page.expect_response(re.compile("window=century")):
        pass
    expect(page.get_by_role("heading", name="No such time span")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_was_typed_stays_when_the_session_is_over(tabs: Tabs) -> None:
    page = tabs.open("/records?new=1", own=True)
    page.get_by_label("Title", exact=True).fill("typed before the end")
    page.get_by_role("button", name="in 30 days").click()
    stays = {"HX-Reswap": "none", "HX-Push-Url": "false"}
    page.route(re.compile("/records"), lambda route: route.fulfill(status=401, headers=stays))
    page.get_by_role("button", name="Create record").click()
    expect(message(page, "You are signed out, so nothing was done.")).to_be_visible()
    expect(page.get_by_label("Title", exact=True)).to_have_value("typed before the end")
