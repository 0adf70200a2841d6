"""Dates around a change of the clocks, in a browser of the zone: it tells the server which offsets there may be."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack

# By zone: a time that comes twice and its two instants; a time that does not exist, and its two neighbours.
CHANGES = {
    "America/New_York": (
        ("2027-11-07T01:30", "2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"),
        ("2027-03-14T02:30", "2027-03-14T06:30:00Z", "2027-03-14T07:30:00Z"),
    ),
    "Australia/Lord_Howe": (
        ("2027-04-04T01:45", "2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z"),
        ("2027-10-03T02:15", "2027-10-02T15:15:00Z", "2027-10-02T15:45:00Z"),
    ),
}


def open_record(tabs: Tabs, stack: Stack, zone: str, expiry: str) -> tuple[Page, str]:
    _, record = stack.call("POST", "/api/records", {"title": "Around the change", "expiry_date": expiry})
    path = f"/records/{record['id']}"
    return tabs.open(path, timezone_id=zone), f"/api{path}"


def save(page: Page) -> None:
    page.get_by_role("button", name="Save changes").click()


@pytest.mark.parametrize("zone", CHANGES)
def test_a_new_title_leaves_the_date(tabs: Tabs, stack: Stack, zone: str) -> None:
    (local, *instants), _ = CHANGES[zone]
    for instant in instants:
        page, address = open_record(tabs, stack, zone, instant)
        expect(page.get_by_label("Expires")).to_have_value(local)
        page.get_by_label("Title", exact=True).fill("Another title")
        save(page)
        expect(page.locator(".flash")).to_be_visible()
        record = stack.get(address)
        assert (record["title"], record["expiry_date"]) == ("Another title", instant)
        page.close()


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
def test_an_unclear_time_is_asked_about_and_the_choice_is_kept(
    tabs: Tabs, stack: Stack, zone: str, which: int
) -> None:
    tabs.expect("status of 422")
    page, address = open_record(tabs, stack, zone, "2031-07-01T12:00:00Z")
    local, *instants = CHANGES[zone][which]
    for number, instant in enumerate(instants):
        page.get_by_label("Expires").fill(local)
        save(page)
        expect(page.get_by_label("Expires")).to_have_value(local)
        expect(page.get_by_label("Expires")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("radio")).to_have_count(2)
        page.get_by_role("radio").nth(number).check()
        save(page)
        expect(page.locator(".flash")).to_be_visible()
        assert stack.get(address)["expiry_date"] == instant


def test_another_time_takes_the_question_back(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("status of 422")
    page, address = open_record(tabs, stack, "Europe/Berlin", "2031-07-01T12:00:00Z")
    page.get_by_label("Expires").fill("2027-10-31T02:30")
    save(page)
    page.get_by_role("radio").first.check()
    page.get_by_label("Expires").fill("2027-10-31T04:30")
    expect(page.get_by_role("radio")).to_have_count(0)
    save(page)
    expect(page.locator(".flash")).to_be_visible()
    assert stack.get(address)["expiry_date"] == "2027-10-31T03:30:00Z"


def test_a_filter_asks_and_stays_when_something_else_changes(tabs: Tabs) -> None:
    page = tabs.open("/dashboard/runs", timezone_id="Europe/Berlin")
    page.get_by_label("Created from (").fill("2025-10-26T02:30")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("radio", name="2025-10-26 02:30 (UTC+01:00)").check()
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_role("radio")).to_have_count(0)
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile("state=failed.*from_at=2025-10-26T01%3A30"))
    expect(page.get_by_label("Created from (")).to_have_value("2025-10-26T02:30")
    expect(page.get_by_role("radio")).to_have_count(0)
