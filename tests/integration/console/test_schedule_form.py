"""The form that makes and changes a schedule."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.schedules import store
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.job_pages import field_errors
from tests.integration.console.record_pages import visible_text
from tests.integration.console.schedule_pages import GOOD, HOME, make


def form_values(page: Page) -> dict[str, str]:
    """The form of the page as a browser in UTC submits it."""
    form = page.text.partition("data-schedule>")[2].partition("</form>")[0]
    inputs = re.findall(r"<input\b([^>]*)>", form, re.S)
    values = {}
    for given in inputs:
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', given))
        if named.get("type") != "checkbox" or " checked" in given:
            values[named["name"]] = unescape(named.get("value", ""))
    values["schedule-job"] = re.findall(r"<option selected>(.*?)</option>", form)[0]
    return values


def test_one_is_made_with_its_payload(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.OPERATOR, "kim@example.com")
    answer = browser.post(HOME, GOOD)
    assert (answer.status, answer.location) == (303, f"{HOME}/nightly")
    made = store.get(con, "nightly")
    assert (made.payload, made.time_zone, made.created_by) == (
        {"older_than_days": 30},
        "Europe/Berlin",
        "kim@example.com",
    )
    page = browser.get(answer.location)
    assert "Schedule nightly was saved: db-cleanup, every day at 07:00 Europe/Berlin." in visible_text(page)
    assert re.search(r"created .* kim@example\.com .*Older than days: 30", visible_text(page))


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"schedule-name": ""}, "schedule-name", "Is required."),
        ({"schedule-name": "a b"}, "schedule-name", "1 to 64 letters, digits"),
        ({"schedule-expression": "0 7 * * *"}, "schedule-expression", "is not a schedule: write"),
        ({"schedule-expression": "at(2020-01-01T07:00:00)"}, "schedule-expression", "is in the past"),
        ({"schedule-time_zone": "Mars/Olympus"}, "schedule-time_zone", "is not a time zone: write"),
        ({"schedule-time_zone": "europe/berlin"}, "schedule-time_zone", "did you mean Europe/Berlin?"),
        (
            {"schedule-ends_at": "2020-01-01T00:00"},
            "schedule-ends_at",
            "2020-01-01 00:00 (UTC) is in the past",
        ),
        (
            {"schedule-starts_at": "2050-01-02T00:00", "schedule-ends_at": "2050-01-01T00:00"},
            "schedule-ends_at",
            "2050-01-01 00:00 (UTC) must be later than the start, which is 2050-01-02 00:00 (UTC).",
        ),
        ({"older_than_days": "many"}, "older_than_days", "must be a whole number"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(
    browser: FakeBrowser, con: Connection, typed: dict[str, str], field: str, sentence: str
) -> None:
    page = browser.post(HOME, GOOD | typed)
    assert page.status == 422
    errors = {name: unescape(text) for name, text in field_errors(page).items()}
    assert list(errors) == [field]
    assert sentence.lower() in errors[field].lower()
    assert form_values(page)[field] == typed[field]
    assert store.all_schedules(con) == []


def test_a_job_that_does_not_exist_is_quoted(browser: FakeBrowser) -> None:
    page = browser.post(HOME, GOOD | {"schedule-job": "nope"})
    assert page.status == 422 and "&#39;nope&#39; is not one of the jobs" in page.text


def test_all_that_is_wrong_is_said_at_once(browser: FakeBrowser) -> None:
    wrong = {"schedule-name": "a b", "schedule-expression": "0 7 * * *", "schedule-time_zone": "Mars/Olympus"}
    page = browser.post(HOME, GOOD | wrong | {"older_than_days": "many"})
    assert field_errors(page).keys() == {*wrong, "older_than_days"}


def test_a_name_that_is_taken_is_refused(browser: FakeBrowser, con: Connection) -> None:
    browser.post(HOME, GOOD)
    page = browser.post(HOME, GOOD)
    assert page.status == 422 and "there is already a schedule" in field_errors(page)["schedule-name"].lower()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "schedule-expression=cron(30+6+%3F+*+MON-FRI+*)&schedule-time_zone=Asia/Tokyo",
            "Monday to Friday at 06:30 Asia/Tokyo",
        ),
        ("schedule-expression=cron(0+7+*+*)&schedule-time_zone=UTC", "is not a schedule: write"),
        ("schedule-expression=rate(1+hour)&schedule-time_zone=Mars", "is not a time zone"),
        (
            "schedule-expression=at(2020-01-01T00:00:00)&schedule-time_zone=UTC",
            "no time that is still to come",
        ),
        (
            "schedule-expression=rate(1+hour)&schedule-time_zone=UTC&schedule-starts_at=2027-13-01T00:00",
            "The start ",
        ),
        (
            "schedule-expression=cron(30+2+28+3+%3F+2050)&schedule-time_zone=UTC",
            "<b>On the 28th of March 2050 at 02:30 UTC</b>",
        ),
        ("", "are shown here"),
    ],
)
def test_an_expression_is_said_in_words_while_it_is_typed(
    browser: FakeBrowser, query: str, said: str
) -> None:
    page = browser.get(f"/dashboard/schedule-times?{query}")
    assert page.status == 200 and said in unescape(page.text)


def test_the_next_five_times_are_in_both_zones(browser: FakeBrowser) -> None:
    query = "schedule-expression=cron(0+7+*+*+%3F+*)&schedule-time_zone=Asia/Tokyo"
    text = browser.get(f"/dashboard/schedule-times?{query}").text
    assert len(re.findall(r", 07:00</td><td><time datetime=\"[\d-]+T22:00:00Z\"", text)) == 5


def test_another_job_has_other_fields_and_keeps_what_was_typed(browser: FakeBrowser, con: Connection) -> None:
    page = browser.post(HOME, GOOD | {"schedule-job": "record-expiry", "show": "job"})
    assert page.status == 200
    values = form_values(page)
    assert "batch_size" in values and "older_than_days" not in values
    assert values["schedule-name"] == "nightly"
    assert page.headers["HX-Push-Url"] == "/dashboard/new-schedule?job=record-expiry"
    assert store.all_schedules(con) == []


def test_one_is_changed_and_the_change_is_told_with_before_and_after(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly"))
    answer = browser.post(
        f"{HOME}/nightly", form | {"schedule-expression": "rate(2 hours)", "older_than_days": "7"}
    )
    assert answer.location == f"{HOME}/nightly"
    said = visible_text(browser.get("/dashboard/activity"))
    assert "Expression: cron(0 7 * * ? *) → rate(2 hours)" in said and "Older than days: 30 → 7" in said
    assert browser.post(f"{HOME}/nightly", form_values(browser.get(f"{HOME}/nightly"))).status == 303
    assert "There were no changes to save." in browser.get(f"{HOME}/nightly").text


def test_the_second_of_two_editors_sees_both_versions(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly"))
    make(con, expression="rate(2 hours)", time_zone="UTC", payload={"older_than_days": 30}, actor="robin")
    page = browser.post(
        f"{HOME}/nightly", form | {"schedule-expression": "rate(5 minutes)", "older_than_days": "7"}
    )
    said = visible_text(page)
    assert page.status == 409 and 'id="live"' not in page.text
    assert "A change by robin was saved" in said
    assert "Expression rate(2 hours) rate(5 minutes)" in said
    assert "Time zone UTC you did not change it" in said and "Older than days 30 7" in said
    assert store.get(con, "nightly").expression == "rate(2 hours)"
    mine = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', page.text))
    assert (
        browser.post(f"{HOME}/nightly", {name: unescape(text) for name, text in mine.items()}).status == 303
    )
    saved = store.get(con, "nightly")
    assert (saved.expression, saved.time_zone, saved.payload) == (
        "rate(5 minutes)",
        "UTC",
        {"older_than_days": 7},
    )


def test_the_same_change_twice_is_no_conflict(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get(f"{HOME}/nightly")) | {"schedule-expression": "rate(2 hours)"}
    browser.post(f"{HOME}/nightly", form)
    assert browser.post(f"{HOME}/nightly", form).status == 303
    assert "There were no changes to save." in browser.get(f"{HOME}/nightly").text


@pytest.mark.parametrize("was", ["[", "[" * 50_000, "5", '{"payload": 5}', '{"starts_at": 5}'])
def test_what_a_form_says_that_it_was_filled_with_is_checked(
    browser: FakeBrowser, con: Connection, was: str
) -> None:
    make(con)
    page = browser.post(f"{HOME}/nightly", GOOD | {"schedule-version": "999", "schedule-was": was})
    assert page.status == 409 and "Saved now" in page.text


def test_start_and_end_survive_a_change_of_something_else(browser: FakeBrowser, con: Connection) -> None:
    begin = datetime(2050, 1, 1, 7, 0, 30, tzinfo=UTC)
    make(con, starts_at=begin, ends_at=begin + timedelta(days=30))
    form = form_values(browser.get(f"{HOME}/nightly"))
    assert form["schedule-starts_at"] == "2050-01-01T07:00"
    browser.post(f"{HOME}/nightly", form | {"schedule-time_zone": "UTC"})
    saved = store.get(con, "nightly")
    assert (saved.time_zone, saved.starts_at, saved.ends_at) == ("UTC", begin, begin + timedelta(days=30))


def test_what_was_typed_for_a_deleted_schedule_can_be_made_again(
    browser: FakeBrowser, con: Connection
) -> None:
    make(con)
    form = form_values(browser.get(f"{HOME}/nightly"))
    store.remove(con, "nightly", actor="robin")
    page = browser.post(f"{HOME}/nightly", form | {"schedule-expression": "rate(2 hours)"})
    assert page.status == 404 and "robin deleted it" in visible_text(page)
    assert browser.post(HOME, form_values(page)).status == 303
    assert store.get(con, "nightly").expression == "rate(2 hours)"


def test_a_copy_needs_only_a_name(browser: FakeBrowser, con: Connection) -> None:
    make(con, payload={"older_than_days": 30})
    form = form_values(browser.get("/dashboard/new-schedule?copy=nightly"))
    browser.post(HOME, form | {"schedule-name": "second"})
    first, second = store.all_schedules(con)
    assert first.choices() == second.choices()
