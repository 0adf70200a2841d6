"""The page of one record: its history, changing it, deleting it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import (
    GOOD,
    expire_records,
    field_message,
    field_value,
    find_record,
    form_values,
    make_record,
    visible_text,
)


def test_a_record_shows_itself_and_its_history(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport", days=30)
    browser.post(f"/records/{record_id}", GOOD | {"title": "Renamed"})
    page = browser.get(f"/records/{record_id}")
    assert page.status == 200
    assert '<h1 class="record-title"><bdi>Renamed</bdi></h1>' in page.text
    changed, created = re.findall(r'<span class="what.*?</li>', page.text, re.S)
    assert "you (this machine)" in changed and "Passport" in changed and "Renamed" in changed
    assert "robin" in created


def test_the_history_names_the_job_that_marked_the_record(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    queries.update(con, record_id, con.now(), expiry_date=datetime(2020, 1, 1, tzinfo=UTC), actor="robin")
    assert "The record-expiry job will mark it" in visible_text(browser.get(f"/records/{record_id}"))
    expire_records(con)
    queries.update(con, record_id, con.now(), title="Renamed", actor="robin")
    text = browser.get(f"/records/{record_id}").text
    story = re.findall(r'<span class="what (\w+)">', text)
    assert story == ["changed", "expired", "changed", "created"]
    assert 'href="/jobs/record-expiry"' in text


def test_a_record_may_be_older_than_its_history(browser: FakeBrowser, con: Connection) -> None:
    ((record_id,),) = con.query("INSERT INTO record (title, expiry_date) VALUES ('old', now()) RETURNING id")
    assert "before this history began" in visible_text(browser.get(f"/records/{record_id}"))


def test_an_operator_edits_by_name_and_is_offered_no_deletion(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    browser.sign_in(Role.OPERATOR)
    answer = browser.post(f"/records/{record_id}", GOOD | {"title": "Visa"})
    assert (answer.status, answer.location) == (303, f"/records/{record_id}")
    changed = find_record(con, record_id)
    assert (changed["title"], changed["expiry_date"]) == ("Visa", "2099-12-31T11:00:00Z")
    assert queries.history(con, record_id)[0]["actor"] == "kim@example.com"
    assert f"/records/{record_id}/delete" not in browser.get(answer.location).text


def test_saving_an_untouched_form_changes_nothing(browser: FakeBrowser, con: Connection) -> None:
    record_id, _ = queries.create(con, "two\nlines", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find_record(con, record_id)
    answer = browser.post(f"/records/{record_id}", form_values(browser.get(f"/records/{record_id}")))
    assert answer.status == 303
    assert find_record(con, record_id) == before
    assert len(queries.history(con, record_id)) == 1


def test_a_wrong_edit_keeps_what_was_typed(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    form = form_values(browser.get(f"/records/{record_id}"))
    page = browser.post(f"/records/{record_id}", form | {"title": " ", "expiry_date": "2050-01-01T00:00"})
    assert (page.status, field_message(page, "title")) == (422, "Is required.")
    assert field_value(page, "expiry_date") == "2050-01-01T00:00"
    assert field_value(page, "title_was") == "Passport"
    assert '<h1 class="record-title"><bdi>Passport</bdi></h1>' in page.text


def test_a_record_is_deleted_when_somebody_is_sure(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    asked = browser.post(f"/records/{record_id}/delete")
    assert (asked.status, 'name="sure" value="yes"' in asked.text) == (200, True)
    assert find_record(con, record_id)
    answer = browser.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert (answer.status, answer.location) == (303, "/records")
    assert find_record(con, record_id) is None


def test_deleting_twice_says_that_it_was_gone(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    queries.delete(con, record_id, "robin")
    for form in ({"sure": "yes"}, {}):
        assert browser.post(f"/records/{record_id}/delete", form).status == 303
        assert "already been deleted" in visible_text(browser.get("/records"))


def test_a_deleted_record_says_who_deleted_it(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport")
    queries.delete(con, record_id, "ada")
    for page in (browser.get(f"/records/{record_id}"), browser.post(f"/records/{record_id}", GOOD)):
        assert page.status == 404
        assert "Passport" in page.text and "ada deleted it" in visible_text(page)


def test_an_edit_of_a_deleted_record_can_become_a_new_one(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    mine = form_values(browser.get(f"/records/{record_id}")) | {"title": "Typed in vain"}
    queries.delete(con, record_id, "ada")
    page = browser.post(f"/records/{record_id}", mine)
    assert (page.status, field_value(page, "title")) == (404, "Typed in vain")
    assert field_value(page, "expiry_date") == mine["expiry_date"]
    assert 'id="live"' not in page.text  # a refresh would take the form away


def test_a_record_that_was_cleaned_up_says_what_it_was(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport", days=-3)
    expire_records(con)
    deletion = expiry.deletion(con.now(), timedelta(days=1))
    list(expiry.BatchUpdate(con, deletion, batch_size=10, actor="db-cleanup"))
    page = browser.get(f"/records/{record_id}")
    assert page.status == 404
    assert "Passport" in page.text and "db-cleanup deleted it" in visible_text(page)


def test_a_record_that_never_was_is_not_found(browser: FakeBrowser) -> None:
    assert browser.get("/records/4711").status == 404


@pytest.mark.parametrize("record_id", ["0", "-1", "1.0", "abc", "9" * 19, "9" * 30, "%D9%A3", "+1"])
def test_what_is_no_id_is_not_found(browser: FakeBrowser, record_id: str) -> None:
    for page in (
        browser.get(f"/records/{record_id}"),
        browser.post(f"/records/{record_id}/delete", {"sure": "yes"}),
    ):
        assert page.status == 404
        assert page.headers["Content-Type"].startswith("text/html")
