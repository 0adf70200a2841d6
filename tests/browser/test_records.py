"""Records in the browser: every button, every error at its field, dates in the viewer's zone."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack


def create(page: Page, title: str, date: str = "2031-07-01T12:00") -> None:
    page.goto("/records")
    page.get_by_text("New record").click()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Expires").fill(date)
    page.get_by_role("button", name="Create record").click()


def test_a_record_is_created_changed_and_deleted(tabs: Tabs) -> None:
    tabs.expect("status of 404")  # of a refresh that comes between the deletion and the next page
    page = tabs.open()
    create(page, "Passport of Ada")
    page.get_by_role("link", name="Open the record").click()
    expect(page.get_by_role("heading", level=1, name="Passport of Ada", exact=True)).to_be_visible()
    page.get_by_label("Title", exact=True).fill("Passport of Ada Lovelace")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", level=1, name="Passport of Ada Lovelace", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("deleted.")
    expect(page.get_by_role("link", name="Passport of Ada Lovelace")).to_have_count(0)


def test_nothing_is_deleted_when_the_question_is_answered_with_cancel(page: Page, stack: Stack) -> None:
    record = stack.add_record("Stays", timedelta(days=1))
    page.goto(f"/records/{record['id']}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert stack.get(f"/api/records/{record['id']}")["title"] == "Stays"


def test_an_error_stands_at_its_field_and_the_input_is_kept(tabs: Tabs) -> None:
    tabs.expect("status of 422")
    page = tabs.open("/records")
    page.get_by_text("New record").click()
    page.get_by_label("Title", exact=True).fill("x" * 501)
    page.get_by_label("Expires").fill("2031-07-01T12:00")
    page.get_by_role("button", name="Create record").click()
    title = page.get_by_label("Title", exact=True)
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(title).to_have_accessible_description(re.compile("500"))
    expect(title).to_have_value("x" * 501)
    expect(page.get_by_label("Expires")).to_have_value("2031-07-01T12:00")
    expect(page.get_by_label("Expires")).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("zone", "date", "stored"),
    [
        ("Asia/Kolkata", "2031-07-01T12:00", "2031-07-01T06:30:00Z"),
        ("Europe/Berlin", "2031-07-01T12:00", "2031-07-01T10:00:00Z"),
        ("Europe/Berlin", "2031-01-01T12:00", "2031-01-01T11:00:00Z"),
    ],
)
def test_a_date_of_the_viewer_s_zone_is_stored_in_utc(
    tabs: Tabs, stack: Stack, zone: str, date: str, stored: str
) -> None:
    page = tabs.open(timezone_id=zone)
    create(page, "Visa", date)
    page.get_by_role("link", name="Open the record").click()
    expect(page).to_have_url(re.compile(r"/records/\d+$"))
    number = page.url.rpartition("/")[2]
    assert stack.get(f"/api/records/{number}")["expiry_date"] == stored
    expect(page.get_by_label("Expires")).to_have_value(date)
    expect(page.get_by_text(re.compile(r"1 J\w\w 2031, 12:00:00")).first).to_be_visible()
    expect(page.get_by_role("contentinfo")).to_contain_text(zone.partition("/")[0])


def test_records_are_searched_filtered_and_paged(page: Page, stack: Stack) -> None:
    for number in range(52):
        stack.add_record(f"Paged licence {number}", timedelta(days=300, hours=number))
    stack.add_record("Paged, soon over", timedelta(hours=3))
    page.goto("/records")
    page.get_by_label("Search the titles").fill("paged")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Titles that match “paged”")).to_be_visible()
    rows = page.locator("#record-rows tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Next page").click()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Back to the first page").click()
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Expiring soon").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Paged, soon over")
    page.get_by_role("link", name="Clear the search").click()
    expect(page.get_by_role("navigation", name="Status")).to_contain_text("Expired")


def test_without_scripts_a_record_is_made_and_deleted_all_the_same(tabs: Tabs, stack: Stack) -> None:
    page = tabs.open("/records", java_script_enabled=False)
    page.get_by_text("New record").click()
    expect(page.get_by_text("Expires (UTC)")).to_be_visible()
    page.get_by_label("Title", exact=True).fill("Without scripts")
    page.get_by_label("Expires").fill("2031-07-01T12:00")
    page.get_by_role("button", name="Create record").click()
    page.get_by_role("link", name="Open the record").click()
    expect(page).to_have_url(re.compile(r"/records/\d+$"))
    number = page.url.rpartition("/")[2]
    assert stack.get(f"/api/records/{number}")["expiry_date"] == "2031-07-01T12:00:00Z"
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="permanently?")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("deleted.")
