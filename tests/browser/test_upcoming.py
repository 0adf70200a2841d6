"""The page Upcoming: its axis in the viewer's zone, bars that lead to runs, and what comes while one looks."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.run_factory import RunFactory
from tests.browser.tabs import PHONE, Tabs

ADDRESS = "/dashboard/upcoming"


def delay(run_factory: RunFactory, hours: float, job: str = "send-test-mail") -> str:
    return run_factory.make("scheduled", job=job, due=datetime.now(UTC) + timedelta(hours=hours))


@pytest.mark.parametrize("zone", ["UTC", "Australia/Eucla", "America/New_York"])
def test_ticks_are_at_whole_hours_of_the_viewer_s_zone(
    tabs: Tabs, run_factory: RunFactory, zone: str
) -> None:
    delay(run_factory, 2)
    page = tabs.open(ADDRESS, timezone_id=zone)
    expect(page.locator("#axis [data-zone]")).to_have_text(zone)
    start = datetime.fromisoformat(str(page.locator("#axis").get_attribute("data-from")))
    ticks = page.locator("#ticks text").evaluate_all(
        "all => all.map((each) => [parseFloat(each.getAttribute('x')), each.textContent])"
    )
    start += timedelta(seconds=1)  # the places are rounded
    times = [(start + percent / 100 * timedelta(days=1)).astimezone(ZoneInfo(zone)) for percent, _ in ticks]
    assert {(at.hour % 3, at.minute) for at in times} == {(0, 0)}
    assert [label for _, label in ticks] == [
        f"{at:%H:%M}" if at.hour else f"{at:%a} {at.day}" for at in times
    ]


def test_a_bar_says_when_and_leads_to_its_run(page: Page, run_factory: RunFactory) -> None:
    run_id = delay(run_factory, 5)
    page.goto(ADDRESS)
    bar = page.locator(f'#axis a[href="/runs/{run_id}"] rect')
    expect(bar.locator("title")).to_have_text(re.compile(r"^\d+ \w{3}, \d\d:\d\d: 1 run delayed$"))
    bar.click()
    expect(page).to_have_url(re.compile(f"/runs/{run_id}$"))


def test_the_time_span_is_in_the_address(page: Page, run_factory: RunFactory) -> None:
    run_id = delay(run_factory, 50)
    page.goto(ADDRESS)
    rows = page.get_by_role("row").filter(has_text=f"{run_id[:8]}…{run_id[-4:]}")
    expect(page.get_by_role("link", name="24 hours")).to_be_visible()
    expect(rows).to_have_count(0)
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"\?window=7d$"))
    expect(rows).to_have_count(1)
    page.go_back()
    expect(rows).to_have_count(0)


def test_a_new_delayed_run_appears_while_one_looks(page: Page, run_factory: RunFactory) -> None:
    delay(run_factory, 2)
    page.goto(ADDRESS)
    expect(page.locator("#ticks line").first).to_be_attached()
    run_id = delay(run_factory, 9)
    expect(page.locator(f'#axis a[href="/runs/{run_id}"]')).to_be_attached()
    expect(page.locator("#ticks text").first).to_have_text(re.compile(r":00$|^\w{3} \d+$"))


def test_the_axis_fits_a_phone(tabs: Tabs, run_factory: RunFactory) -> None:
    delay(run_factory, 23.9)
    page = tabs.open(ADDRESS, viewport=PHONE)
    expect(page.locator("#ticks text").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
