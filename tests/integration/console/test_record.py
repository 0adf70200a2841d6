"""The page of one record: its history, changing it, deleting it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import Browse
from tests.integration.console.record_pages import GOOD, add, filled, find, hint, value, words


def test_a_record_shows_itself_and_its_history(browse: Browse, con: Connection) -> None:
    record_id = add(con, "Passport", days=30)
    browse.post(f"/records/{record_id}", GOOD | {"title": "Renamed"})
    page = browse.get(f"/records/{record_id}")
    assert page.status == 200
    assert '<h1 class="record-words"><bdi>Renamed</bdi></h1>' in page.text
    said = words(page)
    assert "Changed by you (this machine) Title was “ Passport ”, became “ Renamed ”" in said
    assert "Created by robin" in said
    assert said.index("Changed by") < said.index("Created by")


def test_an_expired_record_says_which_job_marked_it(browse: Browse, con: Connection) -> None:
    record_id = add(con, "Passport", hours=-1)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    page = browse.get(f"/records/{record_id}")
    assert "Expired by the job record-expiry" in words(page)
    assert 'href="/jobs/record-expiry"' in page.text


def test_a_date_that_was_past_when_it_was_set_came_with_the_change(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    queries.update(con, record_id, con.now(), expiry_date=datetime(2020, 1, 1, tzinfo=UTC), actor="robin")
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    queries.update(con, record_id, con.now(), title="Renamed", actor="robin")
    story = re.findall(r'<span class="what (\w+)">', browse.get(f"/records/{record_id}").text)
    assert story == ["changed", "expired", "changed", "created"]


def test_a_record_whose_date_has_passed_says_who_will_mark_it(browse: Browse, con: Connection) -> None:
    record_id = add(con, "Passport", minutes=-1)
    assert "Its date has passed. The job record-expiry comes by" in words(browse.get(f"/records/{record_id}"))


def test_a_record_from_before_histories_says_when_it_was_created(browse: Browse, con: Connection) -> None:
    con.query("INSERT INTO record (title, expiry_date) VALUES ('old', now())")
    ((record_id,),) = con.query("SELECT id FROM record")
    assert "Created before this history begins" in words(browse.get(f"/records/{record_id}"))


def test_a_record_is_edited(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    answer = browse.post(f"/records/{record_id}", GOOD | {"title": "Visa"})
    assert (answer.status, answer.location) == (303, f"/records/{record_id}")
    assert "Changes saved." in words(browse.get(answer.location))
    changed = find(con, record_id)
    assert (changed["title"], changed["expiry_date"]) == ("Visa", "2099-12-31T11:00:00Z")


def test_saving_an_untouched_form_changes_nothing(browse: Browse, con: Connection) -> None:
    record_id, _ = queries.create(con, "two\nlines", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find(con, record_id)
    answer = browse.post(f"/records/{record_id}", filled(browse.get(f"/records/{record_id}")))
    assert "Nothing to save" in words(browse.get(answer.location))
    assert find(con, record_id) == before
    assert len(queries.history(con, record_id)) == 1


def test_seconds_stay_when_only_the_title_is_edited(browse: Browse, con: Connection) -> None:
    record_id, _ = queries.create(con, "Passport", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find(con, record_id)
    browse.post(f"/records/{record_id}", filled(browse.get(f"/records/{record_id}")) | {"title": "Visa"})
    assert find(con, record_id) == before | {"title": "Visa"}


def test_two_people_edit_two_fields_of_one_record(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    mine = filled(browse.get(f"/records/{record_id}"))
    queries.update(con, record_id, con.now(), title="Theirs", actor="robin")
    browse.post(f"/records/{record_id}", mine | {"expiry_date": "2050-01-01T00:00"})
    changed = find(con, record_id)
    assert (changed["title"], changed["expiry_date"]) == ("Theirs", "2050-01-01T00:00:00Z")


def test_a_wrong_edit_is_told_at_the_field_and_keeps_what_was_typed(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    sent = filled(browse.get(f"/records/{record_id}")) | {"title": " ", "expiry_date": "2050-01-01T00:00"}
    page = browse.post(f"/records/{record_id}", sent)
    assert (page.status, hint(page, "title")) == (422, "Is required.")
    assert value(page, "expiry_date") == "2050-01-01T00:00"
    assert value(page, "title_was") == "Passport"
    assert '<h1 class="record-words"><bdi>Passport</bdi></h1>' in page.text


def test_markup_in_a_title_is_text(browse: Browse, con: Connection) -> None:
    record_id = add(con, "<script>alert(1)</script>")
    for address in ("/records", f"/records/{record_id}", "/records?q=script"):
        assert "<script>alert" not in browse.get(address).text
    browse.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert "<script>alert" not in browse.get(f"/records/{record_id}").text


# Delete


def test_a_record_is_deleted_when_somebody_is_sure(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    asked = browse.post(f"/records/{record_id}/delete")
    assert (asked.status, f"Delete record {record_id} for good?" in words(asked)) == (200, True)
    assert find(con, record_id)
    answer = browse.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert (answer.status, answer.location) == (303, "/records")
    assert f"Record {record_id} deleted." in words(browse.get("/records"))
    assert find(con, record_id) is None


def test_the_page_asks_before_it_deletes(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    assert f'hx-confirm="Delete record {record_id} for good?"' in browse.get(f"/records/{record_id}").text


def test_deleting_twice_says_that_it_was_gone(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    queries.delete(con, record_id, "robin")
    for form in ({"sure": "yes"}, {}):
        assert browse.post(f"/records/{record_id}/delete", form).status == 303
        assert f"Record {record_id} was gone already." in words(browse.get("/records"))


def test_a_deleted_record_says_who_deleted_it(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    queries.delete(con, record_id, "robin")
    page = browse.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} was deleted It was “ Passport ”, and robin deleted it" in words(page)
    assert "Created by robin" in words(page)


def test_a_record_that_was_cleaned_up_says_what_it_was(browse: Browse, con: Connection) -> None:
    record_id = add(con, "Passport", days=-3)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    list(
        expiry.BatchUpdate(
            con, expiry.deletion(con.now(), timedelta(days=1)), batch_size=10, actor="db-cleanup"
        )
    )
    page = browse.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} is gone It was “ Passport ”. The job db-cleanup deleted it" in words(page)


def test_editing_a_deleted_record_says_that_it_is_gone(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    queries.delete(con, record_id, "robin")
    page = browse.post(f"/records/{record_id}", GOOD)
    assert (page.status, f"Record {record_id} was deleted" in words(page)) == (404, True)


def test_a_record_that_never_was_is_not_found(browse: Browse) -> None:
    page = browse.get("/records/4711")
    assert (page.status, "There is no record 4711" in words(page)) == (404, True)


@pytest.mark.parametrize(
    "record_id", ["0", "-1", "1.0", "abc", "9223372036854775808", "9" * 30, "%D9%A3", "+1"]
)
def test_what_is_no_id_is_not_found(browse: Browse, record_id: str) -> None:
    for page in (
        browse.get(f"/records/{record_id}"),
        browse.post(f"/records/{record_id}/delete", {"sure": "yes"}),
    ):
        assert page.status == 404
        assert page.headers["Content-Type"].startswith("text/html")
