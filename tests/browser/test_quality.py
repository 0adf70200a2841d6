"""What holds for every page: accessible in light and dark, fits a phone, small, quiet, cheap to ask for again."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.tabs import PHONE, Tabs
from tests.stack_process import ROOT, Stack

AXE = ROOT / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
FIRST_VISIT_BYTES = 150 * 1024
POLL_BYTES = 1024
PAGES = [
    "/records",
    "/records?status=expired",
    "/records?q=nothing+has+this+title",
    "/records/{record}",
    "/jobs",
    "/jobs/daily-summary",
    "/jobs/db-cleanup",
    "/dashboard",
    "/dashboard/runs",
    "/dashboard/enqueued",
    "/dashboard/scheduled",
    "/dashboard/processing",
    "/dashboard/succeeded",
    "/dashboard/failed",
    "/dashboard/deleted",
    "/dashboard/retries",
    "/dashboard/recurring",
    "/dashboard/workers",
    "/dashboard/analytics",
    "/dashboard/activity",
    "/runs/{failed}",
    "/runs/{processing}",
    "/runs/{succeeded}",
    "/runs/nothing",
]
WITHOUT_LIVE = {"/runs/nothing"}
LIVE = [path for path in PAGES if path not in WITHOUT_LIVE]


@pytest.fixture(params=PAGES)
def path(request: pytest.FixtureRequest, furnished: dict[str, Any]) -> str:
    return str(request.param).format(**furnished)


@pytest.fixture(params=LIVE)
def live_path(request: pytest.FixtureRequest, furnished: dict[str, Any]) -> str:
    return str(request.param).format(**furnished)


def test_axe_finds_nothing_grave_in_light_and_in_dark(tabs: Tabs, path: str) -> None:
    tabs.expect("status of 404")
    page = tabs.open(path, bypass_csp=True)  # axe is no script of this site
    page.evaluate(Path(AXE).read_text())
    assert grave(page, {}) == []
    page.emulate_media(color_scheme="dark")
    assert grave(page, {"runOnly": ["color-contrast"]}) == []


def grave(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe calls serious or critical, in words."""
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{problem['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for problem in found["violations"]
        if problem["impact"] in GRAVE
        for node in problem["nodes"]
    ]


def test_nothing_is_wider_than_a_phone(tabs: Tabs, path: str) -> None:
    tabs.expect("status of 404")
    page = tabs.open(path, viewport=PHONE, has_touch=True, is_mobile=True)
    wide = page.evaluate("document.scrollingElement.scrollWidth")
    assert wide <= PHONE["width"], too_wide(page)


def too_wide(page: Page) -> Any:
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => `${each.tagName}.${each.className}`).slice(0, 8)"""
    )


def test_a_first_visit_is_small(tabs: Tabs, path: str) -> None:
    tabs.expect("status of 404")
    page, requests = tabs.open(), []
    page.on("requestfinished", lambda request: requests.append(request))  # playwright marks its handlers
    page.goto(path, wait_until="load")
    sizes = [request.sizes() for request in requests]
    sent = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert 0 < sent < FIRST_VISIT_BYTES


def test_a_poll_with_nothing_new_is_a_304_of_a_few_bytes(stack: Stack, live_path: str) -> None:
    status, headers, text = stack.page(live_path)
    assert status == 200 and 'id="live"' in text, live_path
    status, headers, text = stack.page(live_path, if_none_match=headers["ETag"])
    assert status == 304 and text == ""
    assert len(str(headers)) < POLL_BYTES


def test_a_page_has_no_inline_script_and_no_inline_style(stack: Stack, path: str) -> None:
    _, headers, text = stack.page(path)
    assert not re.search(r"<script(?![^>]+src=)|<style|\sstyle=|\son\w+=|javascript:", text)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
