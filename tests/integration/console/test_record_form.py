"""A record is created by a form that says what is wrong where it is wrong."""

import re
from datetime import UTC, datetime

import pytest

from slowmatch.db import Connection
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import GOOD, field_message, field_value, find_record, visible_text


def test_a_record_is_created_with_the_viewers_time(browser: FakeBrowser, con: Connection) -> None:
    answer = browser.post("/records", GOOD)
    assert (answer.status, answer.location) == (303, "/records")
    page = browser.get("/records")
    assert "Record created." in visible_text(page)
    (link,) = re.findall(r'<a href="/records/(\d+)">Open the record</a>', page.text)
    created = find_record(con, int(link))
    assert (created["title"], created["expiry_date"]) == ("Passport", "2099-12-31T11:00:00Z")


def test_without_a_script_the_time_is_utc_and_the_label_says_so(
    browser: FakeBrowser, con: Connection
) -> None:
    assert "Expires (<span data-zone>UTC</span>)" in browser.get("/records").text
    browser.post("/records", GOOD | {"expiry_date_offset": ""})
    ((date,),) = con.query("SELECT expiry_date FROM record")
    assert date == datetime(2099, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Is required."),
        ("   ", "Is required."),
        ("\u200b", "Must have a visible character."),
        ("a\0b", "Must not contain NUL (U+0000)."),
        ("x" * 501, "Must have at most 500 characters."),
    ],
)
def test_a_wrong_title_has_its_error_at_the_field(
    browser: FakeBrowser, con: Connection, typed: str, said: str
) -> None:
    page = browser.post("/records", GOOD | {"title": typed})
    assert page.status == 422
    assert field_message(page, "title") == said
    assert field_message(page, "expiry_date") == ""
    assert re.search(r'<details id="new"[^>]* open>', page.text)
    assert con.query("SELECT FROM record") == []


@pytest.mark.parametrize(
    ("typed", "offset", "said"),
    [
        ("", "Z", "Is required."),
        ("tomorrow", "+01:00", "Must be a date and time such as 2026-12-31T12:00."),
        ("2026-12-31", "+01:00", "Must be a date and time such as 2026-12-31T12:00."),
        ("2026-02-30T12:00", "", "Must be a date and time that exists, such as 2026-12-31T12:00:00Z."),
        ("1969-12-31T12:00", "", "Must be between the years 1970 and 9999 (UTC)."),
        ("1970-01-01T00:00", "+14:00", "Must be between the years 1970 and 9999 (UTC)."),
        ("9999-12-31T23:59", "-12:00", "Must be between the years 1970 and 9999 (UTC)."),
        ("2026-12-31T12:00", "Mars", "Must be a date and time such as 2026-12-31T12:00:00Z."),
    ],
)
def test_a_wrong_date_has_its_error_at_the_field(
    browser: FakeBrowser, typed: str, offset: str, said: str
) -> None:
    page = browser.post("/records", GOOD | {"expiry_date": typed, "expiry_date_offset": offset})
    assert page.status == 422
    assert field_message(page, "expiry_date") == said
    assert field_value(page, "title") == "Passport"


def test_what_was_typed_is_kept_when_something_is_wrong(browser: FakeBrowser) -> None:
    page = browser.post("/records", GOOD | {"title": '"><script>' + "x" * 500})
    assert field_value(page, "title").startswith("&#34;&gt;&lt;script&gt;xxx")
    assert field_value(page, "expiry_date") == "2099-12-31T12:00"
    assert "data-utc" not in page.text  # the browser keeps it as it was typed, in its own zone


def test_a_form_without_fields_names_them_all(browser: FakeBrowser) -> None:
    page = browser.post("/records")
    assert (page.status, field_message(page, "title"), field_message(page, "expiry_date")) == (
        422,
        "Is required.",
        "Is required.",
    )
