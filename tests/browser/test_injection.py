"""Text that tries to be a page: in a title, in an error message, in a payload, in a note, in an address."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\"'><b id=\"bold\">{{ 7 * 7 }}"


def harmless(page: Page) -> None:
    """The text is shown as it is, and nothing of it became a part of the page."""
    expect(page.get_by_text("window.pwned = 1").first).to_be_visible()
    assert page.evaluate("[window.pwned, document.querySelectorAll('#bold, img[src=x]').length]") == [None, 0]


def test_a_title_is_text_everywhere(page: Page, stack: Stack) -> None:
    record = stack.add_record(f"Evil {EVIL}", timedelta(hours=1))
    for path in ("/records", f"/records/{record['id']}", "/dashboard/activity"):
        page.goto(path)
        harmless(page)
    page.goto(f"/records/{record['id']}")
    page.get_by_label("Title", exact=True).fill(f"Worse {EVIL}")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Worse {EVIL}")
    harmless(page)


def test_an_error_message_and_a_payload_are_text_everywhere(page: Page, run_factory: RunFactory) -> None:
    run_id = run_factory.make(
        "failed",
        job="daily-summary",
        error=f"EvilError: {EVIL}",
        payload={"recipients": [f"{EVIL}@example.com"], EVIL: EVIL},
        lines=(("ERROR", EVIL),),
        by=EVIL,
        ago=timedelta(0),
    )
    for path in ("/dashboard", "/dashboard/failed", "/jobs", "/jobs/daily-summary", f"/runs/{run_id}"):
        page.goto(path)
        harmless(page)
    expect(page.get_by_role("log")).to_contain_text(EVIL)
    expect(page.locator(".history")).to_contain_text(f"· {EVIL}")


def test_a_note_is_text_everywhere(page: Page, stack: Stack) -> None:
    stack.call("POST", "/api/jobs/db-cleanup/pause", {"note": EVIL})
    try:
        for path in (
            "/jobs",
            "/jobs/db-cleanup",
            "/dashboard",
            "/dashboard/recurring",
            "/dashboard/activity",
        ):
            page.goto(path)
            harmless(page)
    finally:
        stack.call("POST", "/api/jobs/db-cleanup/resume", {})


def test_what_comes_by_a_refresh_is_text_too(page: Page, run_factory: RunFactory) -> None:
    page.goto("/dashboard/failed?text=RefreshError")
    run_factory.make("failed", error=f"RefreshError: {EVIL}")
    expect(page.locator("#runs tr")).to_have_count(1)
    harmless(page)


@pytest.mark.parametrize("path", ["/records?q={}", "/dashboard/runs?text={}", "/dashboard/runs?job={}"])
def test_what_stands_in_the_address_is_text(tabs: Tabs, path: str) -> None:
    tabs.expect("status of 4")
    page = tabs.open()
    page.goto(path.format("%3Cscript%3Ewindow.pwned=1%3C/script%3E%22%3E%3Cb%20id=bold%3E"))
    assert page.evaluate("[window.pwned, document.querySelectorAll('#bold').length]") == [None, 0]


def test_a_forged_flash_message_is_text_and_leads_nowhere_else(tabs: Tabs, stack: Stack) -> None:
    notices: list[dict[str, Any]] = [{"name": "notice", "value": "bm90IEpTT04=", "url": stack.address}]
    page = tabs.open()
    page.context.add_cookies(notices)  # type: ignore[arg-type]
    page.goto("/records")
    expect(page.get_by_role("heading", level=1)).to_have_text("Records")
    expect(page.locator(".flash")).to_have_count(0)
