"""The records pages, from API Gateway's event to PostgreSQL and back."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from slowmatch.db import Connection
from slowmatch.http.identity import Role
from slowmatch.records import store, upkeep
from tests.integration.console.conftest import Browse, Page

GOOD = {"title": "Passport", "expiry_date": "2099-12-31T12:00", "expiry_offset": "+01:00"}


def add(con: Connection, title: str = "Passport", **due: float) -> int:
    """A record that expires in `due` from now, made by Robin."""
    expiry_date = con.now() + timedelta(**(due or {"days": 30}))
    return store.create(con, title, expiry_date, "robin")[0]


def find(con: Connection, record_id: int) -> Any:
    return json.loads(store.get(con, record_id) or "null")


def titles(page: Page) -> list[str]:
    return re.findall(r'<a href="/records/\d+"><bdi>(.*?)</bdi>', page.text)


def words(page: Page) -> str:
    """What is read, on one line."""
    main = page.text.partition('<main id="main"')[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def hint(page: Page, field: str) -> str:
    """What is said under a field of the form."""
    (found,) = re.findall(rf'<span id="{field}-help">(.*?)</span>\s*<', page.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found).strip()


def value(page: Page, field: str) -> str:
    (found,) = re.findall(rf'<input[^>]* name="{field}"[^>]*?value="([^"]*)"', page.text)
    return str(found)


# The list


def test_the_list_says_how_each_record_stands(browse: Browse, con: Connection) -> None:
    add(con, "later", days=30)
    add(con, "tomorrow", hours=3)
    add(con, "past", hours=-2)
    upkeep.change_oldest(con, upkeep.due(con.now()), 10, "record-expiry")
    add(con, "just now", minutes=-1)
    page = browse.get("/records")
    assert page.status == 200
    assert titles(page) == ["just now", "past", "tomorrow", "later"]
    standing = re.findall(r'<span class="state (\w+)"[^>]*>([\w ]+)</span>', page.text)
    assert standing == [
        ("due", "due"),
        ("expired", "expired"),
        ("soon", "expiring soon"),
        ("active", "active"),
    ]


def test_times_are_there_for_the_browser_to_word(browse: Browse, con: Connection) -> None:
    store.create(con, "a", datetime(2099, 12, 31, 12, tzinfo=UTC), "robin")
    page = browse.get("/records")
    relative, exact = re.findall(
        r'<time datetime="2099-12-31T12:00:00Z" data-form="(\w+)">(.*?)</time>', page.text
    )
    assert (relative[0], exact) == ("relative", ("exact", "31 Dec 2099, 12:00:00 UTC"))


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("all", ["past", "soon", "later"]),
        ("active", ["soon", "later"]),
        ("soon", ["soon"]),
        ("expired", ["past"]),
        ("nonsense", ["past", "soon", "later"]),
    ],
)
def test_a_status_filters_the_list(browse: Browse, con: Connection, status: str, found: list[str]) -> None:
    add(con, "later", days=30)
    add(con, "soon", hours=3)
    add(con, "past", hours=-1)
    upkeep.change_oldest(con, upkeep.due(con.now()), 10, "record-expiry")
    assert titles(browse.get(f"/records?status={status}")) == found


def test_each_filter_says_how_many_there_are(browse: Browse, con: Connection) -> None:
    add(con, "later", days=30)
    add(con, "soon", hours=3)
    page = browse.get("/records")
    tabs = re.findall(
        r'<a href="(/records[^"]*)"[^>]*>([\w ]+?) <span class="count">([\d,+]+)</span>', page.text
    )
    assert tabs == [
        ("/records", "All", "2"),
        ("/records?status=active", "Active", "2"),
        ("/records?status=soon", "Expiring soon", "1"),
        ("/records?status=expired", "Expired", "0"),
    ]


def test_a_long_list_is_read_page_by_page(browse: Browse, con: Connection) -> None:
    for number in range(120):
        add(con, f"record {number}", hours=number + 1)
    for status in ("all", "active"):
        seen: list[str] = []
        address = f"/records?status={status}&q=record"
        while address:
            page = browse.get(address)
            assert page.status == 200
            seen += titles(page)
            following = re.search(r'rel="next" href="([^"]+)"', page.text)
            address = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == 120


def test_a_later_page_leads_back_to_the_start(browse: Browse, con: Connection) -> None:
    for number in range(51):
        add(con, f"record {number}")
    first = browse.get("/records")
    assert "Back to the start" not in first.text
    following = re.findall(r'rel="next" href="([^"]+)"', first.text)[0]
    assert '<a class="button" href="/records">Back to the start</a>' in browse.get(following).text


@pytest.mark.parametrize("cursor", ["x", "%00x", "WyJhY3RpdmUiLDEsMl0", "é", "a" * 5000])
def test_a_page_that_was_never_there_is_refused_in_words(browse: Browse, cursor: str) -> None:
    page = browse.get(f"/records?after={cursor}")
    assert page.status == 422
    assert "This is no page of this list" in words(page)


def test_a_page_whose_records_are_gone_leads_back(browse: Browse, con: Connection) -> None:
    for number in range(51):
        add(con, f"record {number}")
    following = re.findall(r'rel="next" href="([^"]+)"', browse.get("/records").text)[0]
    con.query("DELETE FROM record")
    assert "The list ends here" in words(browse.get(following))


def test_an_unchanged_list_is_not_sent_again(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    etags = {}
    for address in ("/records", f"/records/{record_id}"):
        etags[address] = browse.get(address).headers["ETag"]
        again = browse.get(address, if_none_match=etags[address])
        assert (again.status, again.text) == (304, "")
    store.update(con, record_id, con.now(), "Renamed", None, "robin")
    assert [browse.get(address, if_none_match=etag).status for address, etag in etags.items()] == [200, 200]


# Search


def test_search_finds_titles_by_their_words(browse: Browse, con: Connection) -> None:
    add(con, "Passport of Ada")
    add(con, "Passport of Grace")
    page = browse.get("/records?q=ada+pass")
    assert titles(page) == ["Passport of Ada"]
    assert value(page, "q") == "ada pass"


def test_a_search_keeps_its_status_and_can_be_cleared(browse: Browse, con: Connection) -> None:
    add(con, "Passport")
    page = browse.get("/records?status=active&q=pass")
    assert titles(page) == ["Passport"]
    assert '<input type="hidden" name="status" value="active">' in page.text
    assert 'href="/records?status=soon&amp;q=pass"' in page.text
    assert '<a href="/records?status=active">Clear the search</a>' in page.text


TEXTS = [
    "%",
    "_",
    "%_%",
    "'",
    '"',
    "\\",
    "a' OR '1'='1",
    "\0",
    "a\0b",
    "пас",
    "パス",
    "جواز",
    "🧨",
    ":*",
    "&|!()<>",
]


@pytest.mark.parametrize(
    "text", [*TEXTS, "x" * 10_000, "\ud800".encode("utf-8", "surrogatepass"), " ", "-", "<b>"]
)
def test_any_text_can_be_searched_for(browse: Browse, con: Connection, text: str | bytes) -> None:
    add(con, "Passport")
    page = browse.get(f"/records?q={quote(text)}")
    assert page.status == 200
    assert "<b>" not in page.text


def test_wildcards_are_characters_like_any_other(browse: Browse, con: Connection) -> None:
    add(con, "Passport")
    add(con, "100 %")
    assert titles(browse.get("/records?q=%25")) == ["100 %"]


def test_a_search_without_a_match_says_so(browse: Browse, con: Connection) -> None:
    add(con)
    page = browse.get("/records?q=zebra")
    assert "No title matches" in words(page)
    assert '<a href="/records">Clear the search</a>' in page.text


# Nothing there


def test_an_empty_list_teaches_how_to_fill_it(browse: Browse) -> None:
    page = browse.get("/records")
    assert "No records yet" in words(page)
    assert "make seed" in words(page)
    assert 'href="/records?new=1"' in page.text
    assert re.search(r'<details id="new"[^>]* open>', browse.get("/records?new=1").text)


@pytest.mark.parametrize(
    ("status", "said"),
    [("active", "No active record"), ("soon", "Nothing expires soon"), ("expired", "Nothing has")],
)
def test_an_empty_filter_says_what_would_be_there(browse: Browse, status: str, said: str) -> None:
    assert said in words(browse.get(f"/records?status={status}"))


# Create


def test_a_record_is_created_with_the_viewers_time(browse: Browse, con: Connection) -> None:
    answer = browse.post("/records", GOOD)
    assert (answer.status, answer.location) == (303, "/records")
    page = browse.get("/records")
    assert "Record created." in words(page)
    (link,) = re.findall(r'<a href="/records/(\d+)">Look at it</a>', page.text)
    created = find(con, int(link))
    assert (created["title"], created["expiry_date"]) == ("Passport", "2099-12-31T11:00:00Z")


def test_without_a_script_the_time_is_utc_and_the_label_says_so(browse: Browse, con: Connection) -> None:
    assert "Expires (<span data-zone>UTC</span>)" in browse.get("/records").text
    browse.post("/records", GOOD | {"expiry_offset": ""})
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
def test_a_wrong_title_is_told_at_its_field(browse: Browse, con: Connection, typed: str, said: str) -> None:
    page = browse.post("/records", GOOD | {"title": typed})
    assert page.status == 422
    assert hint(page, "title") == said
    assert hint(page, "expiry_date") == ""
    assert re.search(r'<details id="new"[^>]* open>', page.text)
    assert con.query("SELECT FROM record") == []


@pytest.mark.parametrize(
    ("typed", "offset", "said"),
    [
        ("", "Z", "Is required."),
        ("tomorrow", "+01:00", "Must be a date and time such as 2026-12-31T12:00."),
        ("2026-12-31", "+01:00", "Must be a date and time such as 2026-12-31T12:00."),
        ("2026-02-30T12:00", "", "Must be a date and time that exist, such as 2026-12-31T12:00:00Z."),
        ("1969-12-31T12:00", "", "Must be in the years 1970 to 9999 (UTC)."),
        ("1970-01-01T00:00", "+14:00", "Must be in the years 1970 to 9999 (UTC)."),
        ("9999-12-31T23:59", "-12:00", "Must be in the years 1970 to 9999 (UTC)."),
        ("2026-12-31T12:00", "Mars", "Must be a date and time such as 2026-12-31T12:00:00Z."),
    ],
)
def test_a_wrong_date_is_told_at_its_field(browse: Browse, typed: str, offset: str, said: str) -> None:
    page = browse.post("/records", GOOD | {"expiry_date": typed, "expiry_offset": offset})
    assert page.status == 422
    assert hint(page, "expiry_date") == said
    assert value(page, "title") == "Passport"


def test_what_was_typed_is_kept_when_something_is_wrong(browse: Browse) -> None:
    page = browse.post("/records", GOOD | {"title": '"><script>' + "x" * 500})
    assert value(page, "title").startswith("&#34;&gt;&lt;script&gt;xxx")
    assert value(page, "expiry_date") == "2099-12-31T12:00"
    assert "data-utc" not in page.text  # the browser keeps it as it was typed, in its own zone


def test_a_form_without_fields_names_them_all(browse: Browse) -> None:
    page = browse.post("/records")
    assert (page.status, hint(page, "title"), hint(page, "expiry_date")) == (
        422,
        "Is required.",
        "Is required.",
    )


# One record


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
    upkeep.change_oldest(con, upkeep.due(con.now()), 10, "record-expiry")
    page = browse.get(f"/records/{record_id}")
    assert "Expired by the job record-expiry" in words(page)
    assert 'href="/jobs/record-expiry"' in page.text


def test_a_date_that_was_past_when_it_was_set_came_with_the_change(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    store.update(con, record_id, con.now(), None, datetime(2020, 1, 1, tzinfo=UTC), "robin")
    upkeep.change_oldest(con, upkeep.due(con.now()), 10, "record-expiry")
    store.update(con, record_id, con.now(), "Renamed", None, "robin")
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


def filled(page: Page) -> dict[str, str]:
    """The form of the page as a browser in UTC sends it."""
    return {name: value(page, name) for name in ("title", "expiry_date", "title_was", "expiry_was")}


def test_saving_an_untouched_form_changes_nothing(browse: Browse, con: Connection) -> None:
    record_id, _ = store.create(con, "two\nlines", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find(con, record_id)
    answer = browse.post(f"/records/{record_id}", filled(browse.get(f"/records/{record_id}")))
    assert "Nothing to save" in words(browse.get(answer.location))
    assert find(con, record_id) == before
    assert len(store.history(con, record_id)) == 1


def test_seconds_stay_when_only_the_title_is_edited(browse: Browse, con: Connection) -> None:
    record_id, _ = store.create(con, "Passport", datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "robin")
    before = find(con, record_id)
    browse.post(f"/records/{record_id}", filled(browse.get(f"/records/{record_id}")) | {"title": "Visa"})
    assert find(con, record_id) == before | {"title": "Visa"}


def test_two_people_edit_two_fields_of_one_record(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    mine = filled(browse.get(f"/records/{record_id}"))
    store.update(con, record_id, con.now(), "Theirs", None, "robin")
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
    store.delete(con, record_id, "robin")
    for form in ({"sure": "yes"}, {}):
        assert browse.post(f"/records/{record_id}/delete", form).status == 303
        assert f"Record {record_id} was gone already." in words(browse.get("/records"))


def test_a_deleted_record_says_who_deleted_it(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    store.delete(con, record_id, "robin")
    page = browse.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} was deleted It was “ Passport ”, and robin deleted it" in words(page)
    assert "Created by robin" in words(page)


def test_a_record_that_was_cleaned_up_says_what_it_was(browse: Browse, con: Connection) -> None:
    record_id = add(con, "Passport", days=-3)
    upkeep.change_oldest(con, upkeep.due(con.now()), 10, "record-expiry")
    upkeep.change_oldest(con, upkeep.stale(con.now(), timedelta(days=1)), 10, "db-cleanup")
    page = browse.get(f"/records/{record_id}")
    assert page.status == 404
    assert f"Record {record_id} is gone It was “ Passport ”. The job db-cleanup deleted it" in words(page)


def test_editing_a_deleted_record_says_that_it_is_gone(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    store.delete(con, record_id, "robin")
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


# Roles


def test_a_viewer_is_offered_and_allowed_to_look(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    browse.sign_in(Role.VIEWER)
    for address in ("/records", f"/records/{record_id}"):
        page = browse.get(address)
        assert page.status == 200
        assert 'method="post" action="/records' not in page.text
    for address in ("/records", f"/records/{record_id}", f"/records/{record_id}/delete"):
        assert browse.post(address, GOOD | {"sure": "yes"}).status == 403
    assert find(con, record_id)["title"] == "Passport"
    con.query("DELETE FROM record")
    assert 'href="/records?new=1"' not in browse.get("/records").text


def test_an_operator_edits_but_does_not_delete(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    browse.sign_in(Role.OPERATOR)
    assert "/delete" not in browse.get(f"/records/{record_id}").text
    assert browse.post(f"/records/{record_id}/delete", {"sure": "yes"}).status == 403
    assert browse.post(f"/records/{record_id}", GOOD | {"title": "Visa"}).status == 303
    assert browse.post("/records", GOOD).status == 303
    assert [event["actor"] for event in store.history(con, record_id)] == ["kim@example.com", "robin"]


def test_an_admin_deletes_by_name(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    browse.sign_in(Role.ADMIN, "ada@example.com")
    assert f"/records/{record_id}/delete" in browse.get(f"/records/{record_id}").text
    browse.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert store.history(con, record_id)[0]["actor"] == "ada@example.com"


def test_a_form_of_another_site_changes_nothing(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    answer = browse.post(f"/records/{record_id}/delete", {"sure": "yes"}, origin="https://evil.example")
    assert answer.status == 403
    assert find(con, record_id)


def test_nobody_sees_records_without_signing_in(browse: Browse) -> None:
    browse.sign_in(Role.VIEWER)
    browse.cookies.clear()
    answer = browse.get("/records?status=soon", sec_fetch_mode="navigate")
    assert answer.status == 303
    assert answer.location.startswith("/sign-in?next=/records")
