"""A record is created by a form that says what is wrong where it is wrong."""

import re
from datetime import UTC, datetime

import pytest

from slowmatch.db import Connection
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import GOOD, field_message, field_value, find_record

RANGE = "Must be between the years 1970 and 9999 (UTC)."


def test_a_record_is_created_with_the_viewers_time(browser: FakeBrowser, con: Connection) -> None:
    answer = browser.post("/records", GOOD)
    assert (answer.status, answer.location) == (303, "/records")
    page = browser.get("/records")
    (link,) = re.findall(r'<a href="/records/(\d+)">Open the record</a>', page.text)
    created = find_record(con, int(link))
    assert (created["title"], created["expiry_date"]) == ("Passport", "2099-12-31T11:00:00Z")


def test_without_a_script_the_time_is_utc_as_labelled(browser: FakeBrowser, con: Connection) -> None:
    assert "Expires (<span data-zone>UTC</span>)" in browser.get("/records").text
    browser.post("/records", GOOD | {"expiry_date_offset": ""})
    ((date,),) = con.query("SELECT expiry_date FROM record")
    assert date == datetime(2099, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"title": "   "}, ["Is required.", ""]),
        ({"title": "\u200b"}, ["Must have a visible character.", ""]),
        ({"title": "a\0b"}, ["Must not contain NUL (U+0000).", ""]),
        ({"title": "x" * 501}, ["Must have at most 500 characters.", ""]),
        ({"title": "", "expiry_date": ""}, ["Is required.", "Is required."]),
        ({"expiry_date": "2026-12-31"}, ["", "Must be a date and time such as 2026-12-31T12:00."]),
        (
            {"expiry_date": "2026-02-30T12:00"},
            ["", "Must be a date and time that exists, such as 2026-12-31T12:00:00Z."],
        ),
        ({"expiry_date": "1970-01-01T12:00", "expiry_date_offset": "+14:00"}, ["", RANGE]),
        ({"expiry_date": "9999-12-31T23:59", "expiry_date_offset": "-12:00"}, ["", RANGE]),
        ({"expiry_date_offset": "Mars"}, ["", "Must be a date and time such as 2026-12-31T12:00:00Z."]),
    ],
)
def test_an_error_stands_at_its_field_and_keeps_the_input(
    browser: FakeBrowser, con: Connection, typed: dict[str, str], said: list[str]
) -> None:
    form = GOOD | typed
    page = browser.post("/records", form)
    assert (page.status, [field_message(page, name) for name in ("title", "expiry_date")]) == (422, said)
    assert field_value(page, "expiry_date") == form["expiry_date"]
    assert "data-utc" not in page.text  # the browser keeps the date as it was typed, in its own zone
    assert re.search(r'<details id="new"[^>]* open>', page.text)
    assert con.query("SELECT FROM record") == []
