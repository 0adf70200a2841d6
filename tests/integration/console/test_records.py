"""The list of records, from API Gateway's event to PostgreSQL and back."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import field_value, make_record, titles, visible_text


def test_the_list_says_how_each_record_stands(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "later", days=30)
    make_record(con, "tomorrow", hours=3)
    make_record(con, "past", hours=-2)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    make_record(con, "just now", minutes=-1)
    page = browser.get("/records")
    assert page.status == 200
    assert titles(page) == ["just now", "past", "tomorrow", "later"]
    standing = re.findall(r'<span class="state (\w+)"[^>]*>([\w ]+)</span>', page.text)
    assert standing == [
        ("due", "due"),
        ("expired", "expired"),
        ("soon", "expiring soon"),
        ("active", "active"),
    ]


def test_times_are_elements_for_the_browser_to_format(browser: FakeBrowser, con: Connection) -> None:
    queries.create(con, "a", datetime(2099, 12, 31, 12, tzinfo=UTC), "robin")
    page = browser.get("/records")
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
def test_a_status_filters_the_list(
    browser: FakeBrowser, con: Connection, status: str, found: list[str]
) -> None:
    make_record(con, "later", days=30)
    make_record(con, "soon", hours=3)
    make_record(con, "past", hours=-1)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    assert titles(browser.get(f"/records?status={status}")) == found


def test_each_filter_says_how_many_there_are(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "later", days=30)
    make_record(con, "soon", hours=3)
    page = browser.get("/records")
    tabs = re.findall(
        r'<a href="(/records[^"]*)"[^>]*>([\w ]+?) <span class="count">([\d,+]+)</span>', page.text
    )
    assert tabs == [
        ("/records", "All", "2"),
        ("/records?status=active", "Active", "2"),
        ("/records?status=soon", "Expiring soon", "1"),
        ("/records?status=expired", "Expired", "0"),
    ]


def test_a_long_list_is_read_page_by_page(browser: FakeBrowser, con: Connection) -> None:
    for number in range(120):
        make_record(con, f"record {number}", hours=number + 1)
    for status in ("all", "active"):
        seen: list[str] = []
        address = f"/records?status={status}&q=record"
        while address:
            page = browser.get(address)
            assert page.status == 200
            seen += titles(page)
            following = re.search(r'rel="next" href="([^"]+)"', page.text)
            address = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == 120


def test_a_later_page_leads_back_to_the_start(browser: FakeBrowser, con: Connection) -> None:
    for number in range(51):
        make_record(con, f"record {number}")
    first = browser.get("/records")
    assert "Back to the first page" not in first.text
    following = re.findall(r'rel="next" href="([^"]+)"', first.text)[0]
    assert '<a class="button" href="/records">Back to the first page</a>' in browser.get(following).text


@pytest.mark.parametrize("cursor", ["x", "%00x", "WyJhY3RpdmUiLDEsMl0", "é", "a" * 5000])
def test_an_invalid_page_link_is_refused(browser: FakeBrowser, cursor: str) -> None:
    page = browser.get(f"/records?after={cursor}")
    assert page.status == 422
    assert "This link does not lead to a page of this list: start" in visible_text(page)


def test_a_page_whose_records_are_gone_leads_back(browser: FakeBrowser, con: Connection) -> None:
    for number in range(51):
        make_record(con, f"record {number}")
    following = re.findall(r'rel="next" href="([^"]+)"', browser.get("/records").text)[0]
    con.query("DELETE FROM record")
    assert "End of the list" in visible_text(browser.get(following))


def test_an_unchanged_list_is_not_sent_again(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    etags = {}
    for address in ("/records", f"/records/{record_id}"):
        etags[address] = browser.get(address).headers["ETag"]
        again = browser.get(address, if_none_match=etags[address])
        assert (again.status, again.text) == (304, "")
    queries.update(con, record_id, con.now(), title="Renamed", actor="robin")
    assert [browser.get(address, if_none_match=etag).status for address, etag in etags.items()] == [200, 200]


# Search


def test_search_finds_titles_by_their_words(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "Passport of Ada")
    make_record(con, "Passport of Grace")
    page = browser.get("/records?q=ada+pass")
    assert titles(page) == ["Passport of Ada"]
    assert field_value(page, "q") == "ada pass"


def test_a_search_keeps_its_status_and_can_be_cleared(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "Passport")
    page = browser.get("/records?status=active&q=pass")
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
def test_any_text_can_be_searched_for(browser: FakeBrowser, con: Connection, text: str | bytes) -> None:
    make_record(con, "Passport")
    page = browser.get(f"/records?q={quote(text)}")
    assert page.status == 200
    assert "<b>" not in page.text


def test_wildcards_are_characters_like_any_other(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "Passport")
    make_record(con, "100 %")
    assert titles(browser.get("/records?q=%25")) == ["100 %"]


def test_a_search_without_a_match_says_so(browser: FakeBrowser, con: Connection) -> None:
    make_record(con)
    page = browser.get("/records?q=zebra")
    assert "No title matches" in visible_text(page)
    assert '<a href="/records">Clear the search</a>' in page.text


# Nothing there


def test_an_empty_list_teaches_how_to_fill_it(browser: FakeBrowser) -> None:
    page = browser.get("/records")
    assert "No records yet" in visible_text(page)
    assert "make seed" in visible_text(page)
    assert 'href="/records?new=1"' in page.text
    assert re.search(r'<details id="new"[^>]* open>', browser.get("/records?new=1").text)


@pytest.mark.parametrize(
    ("status", "said"),
    [("active", "No active record"), ("soon", "No records are expiring soon"), ("expired", "Nothing has")],
)
def test_an_empty_filter_says_what_would_be_there(browser: FakeBrowser, status: str, said: str) -> None:
    assert said in visible_text(browser.get(f"/records?status={status}"))
