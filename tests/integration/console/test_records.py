"""The list of records, from API Gateway's event to PostgreSQL and back."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from slowmatch.db import Connection
from slowmatch.records import queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import (
    expire_records,
    make_record,
    titles,
    visible_text,
)


def test_the_list_says_how_each_record_stands(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "later", days=30)
    make_record(con, "tomorrow", hours=3)
    make_record(con, "past", hours=-2)
    expire_records(con)
    make_record(con, "just now", minutes=-1)
    page = browser.get("/records")
    assert page.status == 200
    assert titles(page) == ["just now", "past", "tomorrow", "later"]
    assert re.findall(r'<span class="state (\w+)"', page.text) == ["due", "expired", "soon", "active"]


def test_times_are_elements_for_the_browser_to_format(browser: FakeBrowser, con: Connection) -> None:
    queries.create(con, "a", datetime(2099, 12, 31, 12, tzinfo=UTC), "robin")
    page = browser.get("/records")
    exact = "31 Dec 2099, 12:00:00 UTC"
    found = re.findall(
        rf'<time datetime="2099-12-31T12:00:00Z" data-form="(\w+)" title="{exact}">(.*?)</time>', page.text
    )
    assert [form for form, _ in found] == ["relative", "exact"]
    assert re.fullmatch(r"in \d+ years", found[0][1]) and found[1][1] == exact


def test_each_filter_says_how_many_it_finds(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "later", days=30)
    make_record(con, "soon", hours=3)
    make_record(con, "overdue", hours=-1)
    page = browser.get("/records?status=nonsense")
    tabs = re.findall(
        r'<a href="(/records[^"]*)"[^>]*>[\w ]+? <span class="count">([\d,+]+)</span>', page.text
    )
    assert tabs == [
        ("/records", "3"),
        ("/records?status=active", "2"),
        ("/records?status=soon", "1"),
        ("/records?status=due", "1"),
        ("/records?status=expired", "0"),
    ]
    for address, number in tabs:
        assert len(titles(browser.get(address))) == int(number)


@pytest.mark.parametrize("cursor", ["x", "%00x", "WyJhY3RpdmUiLDEsMl0", "é", "a" * 5000])
def test_an_invalid_page_link_is_refused(browser: FakeBrowser, cursor: str) -> None:
    page = browser.get(f"/records?after={cursor}")
    assert page.status == 422


def test_a_page_whose_records_are_gone_leads_back(browser: FakeBrowser, con: Connection) -> None:
    for number in range(51):
        make_record(con, f"record {number}")
    following = re.findall(r'rel="next" href="([^"]+)"', browser.get("/records").text)[0]
    con.query("DELETE FROM record")
    (empty,) = re.findall(r'<section class="empty">.*?</section>', browser.get(following).text, re.S)
    assert 'href="/records"' in empty


def test_a_search_keeps_its_status_and_can_be_cleared(browser: FakeBrowser, con: Connection) -> None:
    make_record(con, "Passport")
    page = browser.get("/records?status=active&q=pass")
    assert titles(page) == ["Passport"]
    assert '<input type="hidden" name="status" value="active">' in page.text
    assert 'href="/records?status=soon&amp;q=pass"' in page.text
    assert '<a href="/records?status=active">Clear the search</a>' in page.text
    assert '<input id="q" type="search" name="q" value="pass"' in page.text
    assert "No title matches" in visible_text(browser.get("/records?q=zebra"))


@pytest.mark.parametrize(
    "text",
    ["%", "'", "\\", "a\0b", "جواز", "🧨", "&|!()<>", "x" * 10_000, b"\xed\xa0\x80", " ", "-", "<b>"],
)
def test_any_text_can_be_searched_for(browser: FakeBrowser, con: Connection, text: str | bytes) -> None:
    make_record(con, "Passport")
    page = browser.get(f"/records?q={quote(text)}")
    assert page.status == 200
    assert "<b>" not in page.text


def test_an_empty_list_teaches_and_an_empty_filter_leads_back(browser: FakeBrowser) -> None:
    page = browser.get("/records")
    assert "make seed" in visible_text(page)
    assert 'href="/records?new=1"' in page.text
    assert re.search(r'<details id="new"[^>]* open>', browser.get("/records?new=1").text)
    for status in ("active", "soon", "expired"):
        assert '<a href="/records">All records</a>' in browser.get(f"/records?status={status}").text


def test_headings_sort_by_what_has_an_index(browser: FakeBrowser, con: Connection) -> None:
    for title, days in {"second": 2, "third": 3, "first": 1}.items():
        make_record(con, title, days=days)
    page = browser.get("/records?sort=expiry_date")
    assert titles(page) == ["first", "second", "third"]
    assert '<th class="sortable" aria-sort="ascending"><a href="/records?sort=-expiry_date">' in page.text
    assert '<th class="sortable"><a href="/records">Created</a></th>' in page.text
    assert titles(browser.get("/records?sort=-expiry_date")) == ["third", "second", "first"]
    active = browser.get("/records?status=active&sort=created").text
    assert (
        '<th class="sortable" aria-sort="ascending"><a href="/records?status=active&amp;sort=-expiry_date">'
        in active
    )
    assert "<th>Created</th>" in active


def test_a_sorted_list_pages_on_in_its_order(browser: FakeBrowser, con: Connection) -> None:
    for number in range(51):
        make_record(con, f"record {number}", days=number + 1)
    first = browser.get("/records?sort=-expiry_date")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first.text)
    assert titles(first)[0] == "record 50"
    assert titles(browser.get(following.replace("&amp;", "&"))) == ["record 0"]
