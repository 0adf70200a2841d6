"""Records go out as CSV and come in again, in parts."""

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from console.pages import record_export
from console.views import csv_parts
from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.records import expiry, queries
from tests.integration.console.conftest import ORIGIN, FakeBrowser, Page
from tests.integration.console.record_pages import make_record, visible_text

HEADER = "title,expiry_date\r\n"
GOOD = f"{HEADER}Passport,2027-01-01\r\nVisa,2027-02-01T12:00:00Z\r\n"
IMPORT = "11111111-1111-4111-8111-111111111111"
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def send_part(browser: FakeBrowser, text: str, key: str = "a:0", **query: str) -> Page:
    """Send a part as the script of the page does."""
    headers = {"origin": ORIGIN, "content-type": "text/csv", "idempotency-key": key}
    address = f"/records/import?{urlencode({'import': IMPORT, 'file': 'leases.csv', **query})}"
    return browser.send("POST", address, text, headers)


def upload(browser: FakeBrowser, text: str, **fields: str) -> Page:
    """Submit the form of the page as a browser without scripts does."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in fields.items()
    ]
    parts.append(
        '--b\r\nContent-Disposition: form-data; name="file"; filename="leases.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\n{text}"
    )
    headers = {"origin": ORIGIN, "content-type": "multipart/form-data; boundary=b"}
    return browser.send("POST", "/records/import", "\r\n".join([*parts, "--b--\r\n"]), headers)


def stored(con: Connection) -> list[list[Any]]:
    return con.query("SELECT title, expiry_date FROM record ORDER BY id")


def test_a_part_creates_its_valid_lines_and_names_the_others(browser: FakeBrowser, con: Connection) -> None:
    answer = send_part(browser, f"{GOOD}Lease,2026-13-01\r\n", first_line="12")
    assert json.loads(answer.text) == {
        "dry_run": False,
        "lines": 3,
        "valid": 2,
        "created": 2,
        "refused": [
            {
                "line": 14,
                "message": "expiry_date 2026-13-01 is not a date such as 2026-12-31",
                "text": "Lease,2026-13-01",
            }
        ],
    }
    assert stored(con) == [["Passport", NEW_YEAR], ["Visa", datetime(2027, 2, 1, 12, tzinfo=UTC)]]


def test_a_dry_run_creates_nothing(browser: FakeBrowser, con: Connection) -> None:
    result = json.loads(send_part(browser, GOOD, dry_run="true").text)
    assert (result["valid"], result["created"], stored(con)) == (2, 0, [])
    assert json.loads(send_part(browser, GOOD).text)["created"] == 2  # the key is still free


def test_a_repeated_part_creates_nothing_twice(browser: FakeBrowser, con: Connection) -> None:
    answers = [json.loads(send_part(browser, GOOD).text) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(stored(con)) == 2
    refused = send_part(browser, f"{HEADER}Other,2027-01-01")
    assert (refused.status, "already used" in json.loads(refused.text)["error"]) == (422, True)
    assert len(stored(con)) == 2


def test_the_key_of_one_person_blocks_no_other(browser: FakeBrowser, con: Connection) -> None:
    for name in ("kim@example.com", "ada@example.com"):
        browser.sign_in(Role.OPERATOR, name)
        assert json.loads(send_part(browser, GOOD).text)["created"] == 2
    assert len(stored(con)) == 4


def test_parts_of_a_file_are_one_line_of_the_activity(browser: FakeBrowser, con: Connection) -> None:
    for key in ("a:0", "a:1", "a:1"):
        send_part(browser, GOOD, key)
    rows = visible_text(browser.get("/dashboard/activity")).partition("Note")[2]
    assert rows.count("imported") == 1
    assert "imported 4 records leases.csv" in rows


def test_an_imported_record_says_who_created_it(browser: FakeBrowser, con: Connection) -> None:
    send_part(browser, GOOD)
    ((record_id,), *_) = con.query("SELECT id FROM record ORDER BY id")
    assert queries.history(con, record_id)[0]["actor"] == "you (this machine)"


def test_a_part_that_is_no_csv_is_told_in_a_sentence(browser: FakeBrowser, con: Connection) -> None:
    answer = send_part(browser, f'{GOOD}"Lease')
    assert (answer.status, stored(con)) == (422, [])
    error = json.loads(answer.text)["error"]
    assert error == "Line 4 is not valid CSV, perhaps because of a quote that is not closed."


def test_a_part_has_at_most_one_megabyte(browser: FakeBrowser, con: Connection) -> None:
    assert send_part(browser, HEADER + "x" * 1024 * 1024).status == 413
    assert stored(con) == []


def test_the_keys_of_imports_are_forgotten_after_a_day(browser: FakeBrowser, con: Connection) -> None:
    send_part(browser, GOOD)
    con.query("UPDATE record_import SET at = now() - interval '25 hours'")
    expiry.purge_events(con, con.now(), older_than=con.now() - NEW_YEAR.replace(year=2020))
    assert con.query("SELECT FROM record_import") == []


def test_without_scripts_a_file_is_checked_and_imported(browser: FakeBrowser, con: Connection) -> None:
    text = f"{GOOD}Lease,soon\r\n"
    checked = visible_text(upload(browser, text, key=IMPORT, check="yes"))
    assert "leases.csv : 3 lines, 2 of which can be imported. Nothing was imported yet." in checked
    assert "Line 4: expiry_date soon is not a date" in checked
    assert stored(con) == []
    for _ in range(2):
        assert "2 records imported." in visible_text(upload(browser, text, key=IMPORT))
    assert [title for title, _ in stored(con)] == ["Passport", "Visa"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is empty: the first line has to name the columns title and expiry_date."),
        ("title,expiry_date,<b>\r\n", "The column <b> is not one of a record: remove it."),
    ],
)
def test_a_wrong_file_is_told_on_the_page(browser: FakeBrowser, text: str, sentence: str) -> None:
    page = upload(browser, text)
    assert page.status == 422
    assert f"{sentence} Nothing was imported." in unescape(page.text)
    assert "<b>" not in page.text


def test_a_body_that_is_no_form_asks_for_a_file(browser: FakeBrowser) -> None:
    page = browser.post("/records/import", {"file": "x"})
    assert (page.status, "Choose a file." in page.text) == (422, True)


def test_viewers_import_nothing(browser: FakeBrowser, con: Connection) -> None:
    browser.sign_in(Role.VIEWER)
    assert "/records/import" not in browser.get("/records").text
    assert "<form class" not in browser.get("/records/import").text.partition("<main")[2]
    assert send_part(browser, GOOD).status == 403
    assert stored(con) == []


def test_a_list_is_downloaded_as_filtered_and_sorted(browser: FakeBrowser, con: Connection) -> None:
    for title, days in {"lease b": 2, "lease a": 1, "=lease()": 3, "visa": 4}.items():
        make_record(con, title, days=days)
    (address,) = re.findall(
        r'href="(/records/csv[^"]*)"', browser.get("/records?q=lease&sort=-expiry_date").text
    )
    file = browser.get(unescape(address))
    assert file.headers["Content-Disposition"].startswith('attachment; filename="records-2')
    assert "Link" not in file.headers
    header, *lines = file.text.splitlines()
    assert header == "id,title,created_at,expiry_date,is_expired"
    assert [line.split(",")[1] for line in lines] == ["'=lease()", "lease b", "lease a"]


def test_a_long_list_comes_in_parts_that_lead_on(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        make_record(con, f"lease {number}")
    monkeypatch.setattr(record_export, "MAX_PAGE_ROWS", 3)
    monkeypatch.setattr(csv_parts, "MAX_PART_BYTES", 1)
    walked, sizes = [], []
    moved = browser.get("/records/csv?sort=created", sec_fetch_mode="navigate")
    assert (moved.status, moved.location) == (303, "/records/export?sort=created")
    page = browser.get(moved.location)
    while True:
        (file,) = re.findall(r'href="(/records/csv[^"]*)"', page.text)
        part = browser.get(unescape(file))
        lines = part.text.splitlines()[1:]
        walked += [line.split(",")[1] for line in lines]
        sizes.append(len(lines))
        following = re.findall(r'rel="next" href="([^"]+)"', page.text)
        assert bool(following) == ("Link" in part.headers)
        if not following:
            break
        page = browser.get(unescape(following[0]))
    assert walked == [f"lease {number}" for number in range(7)]
    assert sizes == [3, 3, 1]
    assert 'part-3.csv"' in part.headers["Content-Disposition"]
