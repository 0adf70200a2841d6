"""The page of one record: its history, changing it, deleting it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import (
    GOOD,
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
    said = visible_text(page)
    assert "Changed by you (this machine) Title changed from “ Passport ” to “ Renamed ”" in said
    assert "Created by robin" in said
    assert said.index("Changed by") < said.index("Created by")


def test_an_expired_record_says_which_job_marked_it(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport", hours=-1)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    page = browser.get(f"/records/{record_id}")
    assert "Expired by the job record-expiry" in visible_text(page)
    assert 'href="/jobs/record-expiry"' in page.text


def test_a_date_that_was_past_when_it_was_set_came_with_the_change(
    browser: FakeBrowser, con: Connection
) -> None:
    record_id = make_record(con)
    queries.update(con, record_id, con.now(), expiry_date=datetime(2020, 1, 1, tzinfo=UTC), actor="robin")
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    queries.update(con, record_id, con.now(), title="Renamed", actor="robin")
    story = re.findall(r'<span class="what (\w+)">', browser.get(f"/records/{record_id}").text)
    assert story == ["changed", "expired", "changed", "created"]


def test_a_record_whose_date_has_passed_says_who_will_mark_it(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport", minutes=-1)
    assert "Its expiry date has passed. The record-expiry job will mark it" in visible_text(
        browser.get(f"/records/{record_id}")
    )


def test_a_record_from_before_histories_says_when_it_was_created(
    browser: FakeBrowser, con: Connection
) -> None:
    con.query("INSERT INTO record (title, expiry_date) VALUES ('old', now())")
    ((record_id,),) = con.query("SELECT id FROM record")
    assert "Created before this history began" in visible_text(browser.get(f"/records/{record_id}"))


def test_a_record_is_edited(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    answer = browser.post(f"/records/{record_id}", GOOD | {"title": "Visa"})
    assert (answer.status, answer.location) == (303, f"/records/{record_id}")
    assert "Changes saved." in visible_text(browser.get(answer.location))
    changed = find_record(con, record_id)
    assert (changed["title"], changed["expiry_date"]) == ("Visa", "2099-12-31T11:00:00Z")


def test_saving_an_untouched_form_changes_nothing(browser: FakeBrowser, con: Connection) -> None:
    record_id, _ = queries.create(con, "two\nlines", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find_record(con, record_id)
    answer = browser.post(f"/records/{record_id}", form_values(browser.get(f"/records/{record_id}")))
    assert "There were no changes to save." in visible_text(browser.get(answer.location))
    assert find_record(con, record_id) == before
    assert len(queries.history(con, record_id)) == 1


def test_seconds_stay_when_only_the_title_is_edited(browser: FakeBrowser, con: Connection) -> None:
    record_id, _ = queries.create(con, "Passport", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find_record(con, record_id)
    browser.post(
        f"/records/{record_id}", form_values(browser.get(f"/records/{record_id}")) | {"title": "Visa"}
    )
    assert find_record(con, record_id) == before | {"title": "Visa"}


def test_two_people_edit_two_fields_of_one_record(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    mine = form_values(browser.get(f"/records/{record_id}"))
    queries.update(con, record_id, con.now(), title="Theirs", actor="robin")
    browser.post(f"/records/{record_id}", mine | {"expiry_date": "2050-01-01T00:00"})
    changed = find_record(con, record_id)
    assert (changed["title"], changed["expiry_date"]) == ("Theirs", "2050-01-01T00:00:00Z")


def test_a_wrong_edit_has_its_error_at_the_field_and_keeps_what_was_typed(
    browser: FakeBrowser, con: Connection
) -> None:
    record_id = make_record(con)
    sent = form_values(browser.get(f"/records/{record_id}")) | {
        "title": " ",
        "expiry_date": "2050-01-01T00:00",
    }
    page = browser.post(f"/records/{record_id}", sent)
    assert (page.status, field_message(page, "title")) == (422, "Is required.")
    assert field_value(page, "expiry_date") == "2050-01-01T00:00"
    assert field_value(page, "title_was") == "Passport"
    assert '<h1 class="record-title"><bdi>Passport</bdi></h1>' in page.text


def test_markup_in_a_title_is_text(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "<script>alert(1)</script>")
    for address in ("/records", f"/records/{record_id}", "/records?q=script"):
        assert "<script>alert" not in browser.get(address).text
    browser.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert "<script>alert" not in browser.get(f"/records/{record_id}").text


# Delete


def test_a_record_is_deleted_when_somebody_is_sure(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    asked = browser.post(f"/records/{record_id}/delete")
    assert (asked.status, f"Delete record {record_id} permanently?" in visible_text(asked)) == (200, True)
    assert find_record(con, record_id)
    answer = browser.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert (answer.status, answer.location) == (303, "/records")
    assert f"Record {record_id} was deleted." in visible_text(browser.get("/records"))
    assert find_record(con, record_id) is None


def test_the_page_asks_before_it_deletes(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    assert f'hx-confirm="Delete record {record_id} permanently?"' in browser.get(f"/records/{record_id}").text


def test_deleting_twice_says_that_it_was_gone(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    queries.delete(con, record_id, "robin")
    for form in ({"sure": "yes"}, {}):
        assert browser.post(f"/records/{record_id}/delete", form).status == 303
        assert f"Record {record_id} had already been deleted." in visible_text(browser.get("/records"))


def test_a_deleted_record_says_who_deleted_it(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    queries.delete(con, record_id, "robin")
    page = browser.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} was deleted It was “ Passport ”, and robin deleted it" in visible_text(page)
    assert "Created by robin" in visible_text(page)


def test_a_record_that_was_cleaned_up_says_what_it_was(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, "Passport", days=-3)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    list(
        expiry.BatchUpdate(
            con, expiry.deletion(con.now(), timedelta(days=1)), batch_size=10, actor="db-cleanup"
        )
    )
    page = browser.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} is gone It was “ Passport ”. The job db-cleanup deleted it" in visible_text(
        page
    )


def test_editing_a_deleted_record_says_that_it_is_gone(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    queries.delete(con, record_id, "robin")
    page = browser.post(f"/records/{record_id}", GOOD)
    assert (page.status, f"Record {record_id} was deleted" in visible_text(page)) == (404, True)


def test_a_record_that_never_was_is_not_found(browser: FakeBrowser) -> None:
    page = browser.get("/records/4711")
    assert (page.status, "There is no record 4711" in visible_text(page)) == (404, True)


@pytest.mark.parametrize(
    "record_id", ["0", "-1", "1.0", "abc", "9223372036854775808", "9" * 30, "%D9%A3", "+1"]
)
def test_what_is_no_id_is_not_found(browser: FakeBrowser, record_id: str) -> None:
    for page in (
        browser.get(f"/records/{record_id}"),
        browser.post(f"/records/{record_id}/delete", {"sure": "yes"}),
    ):
        assert page.status == 404
        assert page.headers["Content-Type"].startswith("text/html")
