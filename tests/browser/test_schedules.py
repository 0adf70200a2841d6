"""Schedules made at run time, in the browser: made, changed, paused, copied and deleted."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tabs import Tabs
from tests.support.stack_process import Stack

HOME = "/dashboard/schedules"


def put(stack: Stack, name: str, **given: Any) -> None:
    body = {"job": "db-cleanup", "expression": "cron(0 7 * * ? *)", "time_zone": "Europe/Berlin"}
    status, answer = stack.call("PUT", f"/api/schedules/{name}", body | given)
    assert status in (200, 201), answer


def fill(page: Page, **typed: str) -> None:
    labels = {"name": "Name", "when": "When", "zone": "Time zone"}
    for name, text in typed.items():
        page.get_by_label(labels[name], exact=True).fill(text)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_schedule_is_made_with_and_without_scripts(tabs: Tabs, stack: Stack, scripts: bool) -> None:
    page = tabs.open(HOME, java_script_enabled=scripts)
    page.get_by_role("link", name="New schedule").first.click()
    page.get_by_label("Job", exact=True).select_option("record-expiry")
    if not scripts:
        page.get_by_role("button", name="Show the fields of this job").click()
    page.get_by_label("Batch size").fill("50")
    name = f"made-{scripts}"
    fill(page, name=name, when="cron(0 7 * * ? *)", zone="Europe/Berlin")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("status")).to_contain_text(f"Schedule {name} was saved")
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    made = stack.get(f"/api/schedules/{name}")
    assert (made["job"], made["payload"], made["time_zone"]) == (
        "record-expiry",
        {"batch_size": 50},
        "Europe/Berlin",
    )


def test_an_expression_is_said_in_words_while_it_is_typed(tabs: Tabs) -> None:
    page = tabs.open("/dashboard/new-schedule", timezone_id="America/New_York")
    times = page.locator("[data-times]")
    page.get_by_role("button", name="Monday to Friday").click()
    expect(times).to_contain_text("Monday to Friday at 07:00 UTC")
    page.get_by_role("button", name="America/New_York (yours)").click()
    expect(times).to_contain_text("Monday to Friday at 07:00 America/New_York")
    fill(page, zone="Asia/Tokyo")
    expect(times.get_by_role("row")).to_have_count(6)
    expect(times.get_by_role("row").nth(1)).to_contain_text(re.compile(r"07:00.*1[78]:00"))
    fill(page, when="cron(0 7 * *)")
    expect(times).to_contain_text("is not a schedule: write")


def test_the_zone_picker_knows_the_zones(page: Page) -> None:
    page.goto("/dashboard/new-schedule")
    zones = page.get_by_label("Time zone", exact=True).evaluate(
        "input => [...input.list.options].map((each) => each.value)"
    )
    assert {"UTC", "Europe/Berlin", "Australia/Lord_Howe"} <= set(zones)


def test_what_is_wrong_is_at_its_field_and_in_focus(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("status of 422")
    page = tabs.open("/dashboard/new-schedule")
    fill(page, name="wrong", when="rate(1 hour)", zone="Mars/Olympus")
    page.get_by_role("button", name="Create schedule").click()
    zone = page.get_by_label("Time zone", exact=True)
    expect(zone).to_be_focused()
    expect(zone).to_have_value("Mars/Olympus")
    expect(zone).to_have_accessible_description(re.compile("is not a time zone"))
    assert stack.call("GET", "/api/schedules/wrong")[0] == 404


def test_the_second_of_two_editors_sees_both_versions_and_decides(tabs: Tabs, stack: Stack) -> None:
    tabs.expect("status of 409")
    put(stack, "shared")
    page = tabs.open(f"{HOME}/shared")
    fill(page, when="rate(2 hours)")
    put(stack, "shared", expression="rate(3 hours)", time_zone="UTC")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("row", name="Expression").get_by_role("cell")).to_have_text(
        ["rate(3 hours)", "rate(2 hours)"]
    )
    page.get_by_role("button", name="Save mine anyway").click()
    expect(page.get_by_role("status")).to_contain_text("Schedule shared was saved")
    saved = stack.get("/api/schedules/shared")
    assert (saved["expression"], saved["time_zone"]) == ("rate(2 hours)", "UTC")


def test_it_is_paused_resumed_run_and_deleted_with_the_keyboard(page: Page, stack: Stack) -> None:
    put(stack, "by-keyboard")
    page.goto(HOME)
    row = page.locator("#made-by-keyboard")
    row.get_by_role("button", name="Pause").press("Enter")
    expect(row).to_contain_text("paused by")
    row.get_by_role("button", name="Resume").press("Enter")
    expect(row).not_to_contain_text("paused by")
    row.get_by_role("button", name="Run now").press("Enter")
    expect(page.get_by_role("status").get_by_role("link", name="Open the run")).to_be_visible()
    row.get_by_role("link", name="by-keyboard").press("Enter")
    page.get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("db-cleanup then no longer runs every day at 07:00 Europe/Berlin.")
    dialog.get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Schedule by-keyboard was deleted.")
    page.goto("/dashboard/activity")
    expect(page.get_by_role("row").filter(has_text="by-keyboard").first).to_contain_text("deleted")


def test_a_copy_is_made_from_its_page(page: Page, stack: Stack) -> None:
    put(stack, "original", payload={"older_than_days": 30})
    page.goto(f"{HOME}/original")
    page.get_by_role("link", name="Copy").click()
    expect(page.get_by_label("Older than days")).to_have_value("30")
    fill(page, name="duplicate")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", level=1, name="duplicate")).to_be_visible()


def test_what_is_typed_survives_a_change_of_the_schedule(page: Page, stack: Stack) -> None:
    put(stack, "typed")
    page.goto(f"{HOME}/typed")
    fill(page, when="rate(2 hours)")
    put(stack, "typed", time_zone="Asia/Tokyo")
    expect(page.locator(".schedule-facts")).to_contain_text("Asia/Tokyo")
    expect(page.get_by_label("When", exact=True)).to_have_value("rate(2 hours)")


def test_the_keys_g_u_lead_to_the_schedules(page: Page) -> None:
    page.goto("/jobs")
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1, name="Schedules")).to_be_visible()
