"""What holds for every page: accessible in light and dark, fits every window, small, cheap to ask for again."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request

from tests.browser.pages import LIVE, PAGES
from tests.browser.tabs import Tabs, assert_no_complaints
from tests.support.stack_process import ROOT, Stack, until

AXE = ROOT / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
FIRST_VISIT_BYTES = 150 * 1024
POLL_BYTES = 1024


@dataclass(frozen=True)
class Visit:
    """A page as its first visitor gets it, with what was asked for on the way."""

    page: Page
    requests: list[Request]


@pytest.fixture(params=PAGES)
def path(request: pytest.FixtureRequest, sample_data: dict[str, Any]) -> str:
    return str(request.param).format(**sample_data)


@pytest.fixture(params=LIVE)
def live_path(request: pytest.FixtureRequest, sample_data: dict[str, Any]) -> str:
    return str(request.param).format(**sample_data)


@pytest.fixture(scope="module", params=PAGES)
def visit(
    request: pytest.FixtureRequest, browser: Browser, stack: Stack, sample_data: dict[str, Any]
) -> Iterator[Visit]:
    """One visit for all tests of a page. It goes past the policy, since axe is no script of this site."""
    with assert_no_complaints(Tabs(browser, stack.address, {})) as tabs:
        tabs.expect("status of 404")
        page, requests = tabs.open(bypass_csp=True), list[Request]()
        page.on("requestfinished", lambda request: requests.append(request))  # playwright marks its handlers
        page.goto(str(request.param).format(**sample_data), wait_until="load")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        yield Visit(page, requests.copy())


def test_a_first_visit_is_small(visit: Visit) -> None:
    sizes = [request.sizes() for request in visit.requests]
    sent = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert len(sizes) > 5 and 0 < sent < FIRST_VISIT_BYTES


def test_axe_finds_nothing_grave_in_light_and_in_dark(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="light")
    assert grave(visit.page, {}) == []
    visit.page.emulate_media(color_scheme="dark")
    assert grave(visit.page, {"runOnly": ["color-contrast"]}) == []


def grave(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe calls serious or critical, in words."""
    wanted = {"resultTypes": ["violations"]} | options  # what is right takes most of the time to describe
    found = page.evaluate("options => axe.run(document, options)", wanted)
    return [
        f"{problem['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for problem in found["violations"]
        if problem["impact"] in GRAVE
        for node in problem["nodes"]
    ]


def test_nothing_is_wider_than_the_window_at_any_width(visit: Visit) -> None:
    """640 pixels are what a window of 1280 has at 200 % zoom."""
    too_wide = {}
    for width in (360, 600, 640, 768, 1024, 1280, 1920):
        visit.page.set_viewport_size({"width": width, "height": 800})
        if visit.page.evaluate("document.scrollingElement.scrollWidth") > width:
            too_wide[width] = beyond_the_edge(visit.page)
    assert too_wide == {}


def beyond_the_edge(page: Page) -> Any:
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => `${each.tagName}.${each.className}`).slice(0, 8)"""
    )


def test_a_poll_with_nothing_new_is_a_small_304(stack: Stack, live_path: str) -> None:
    status, headers, text = stack.page(live_path)
    assert status == 200 and 'id="live"' in text, live_path
    seen = [headers["ETag"]]

    def poll() -> tuple[int, Message, str]:
        status, headers, text = stack.page(live_path, if_none_match=seen[-1])
        seen.append(headers["ETag"])
        return status, headers, text

    # Something may be new: a minute that turned, or what a pass of the dispatcher has done.
    _, headers, text = until(poll, lambda answer: answer[0] == 304)
    assert text == ""
    assert len(str(headers)) < POLL_BYTES


def test_a_page_has_no_inline_script_and_no_inline_style(stack: Stack, path: str) -> None:
    _, headers, text = stack.page(path)
    inline = Inline()
    inline.feed(text)
    assert inline.found == []
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


class Inline(HTMLParser):
    """Finds what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        inline = tag == "style" or (tag == "script" and "src" not in given)
        wrong = [name for name, value in attrs if _forbidden(name, value or "")]
        if inline or wrong:
            self.found.append(f"<{tag}> {wrong}")


def _forbidden(name: str, value: str) -> bool:
    return name == "style" or name.startswith("on") or value.lower().lstrip().startswith("javascript:")
