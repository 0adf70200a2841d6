"""Bulk actions on records ask with number and filter, go on in calls of a thousand, and say what they did."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import uuid4

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.records import bulk_actions, queries
from tests.integration.console.conftest import FakeBrowser, Page
from tests.integration.console.record_pages import expire_records, find_record, make_record, visible_text


def asked(page: Page) -> dict[str, str | list[str]]:
    """The hidden fields of the question, as its form submits them."""
    fields: dict[str, str | list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text):
        if name == "id":
            fields["id"] = [*fields.get("id", []), value]
        elif name != "by":
            fields[name] = unescape(value)
    return fields


def heading(page: Page) -> str:
    return unescape(re.findall(r"<h1>(.*?)</h1>", page.text)[0])


def said(browser: FakeBrowser, answer: Page) -> str:
    """The flash message that an answer leads to."""
    assert answer.status == 303
    (shown,) = re.findall(r'class="flash" role="status">(.*?)</div>', browser.get(answer.location).text)
    return str(shown.partition(" <a ")[0])


def test_selected_records_are_extended_by_days(browser: FakeBrowser, con: Connection) -> None:
    ids = [make_record(con, f"lease {number}", days=number) for number in (1, 2, 3)]
    before = [find_record(con, each)["expiry_date"] for each in ids]
    question = browser.post("/records/bulk", {"action": "extend", "id": [str(each) for each in ids[:2]]})
    assert heading(question) == "Extend the expiry of 2 selected records"
    answer = browser.post("/records/bulk", asked(question) | {"by": "days", "days": "10"})
    assert said(browser, answer) == "2 records extended by 10 days."
    after = [find_record(con, each)["expiry_date"] for each in ids]
    moved = [
        datetime.fromisoformat(new) - datetime.fromisoformat(old)
        for old, new in zip(before, after, strict=True)
    ]
    assert moved == [timedelta(days=10), timedelta(days=10), timedelta(0)]


def test_a_confirmation_that_is_sent_twice_extends_once(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, days=1)
    form = asked(browser.post("/records/bulk", {"action": "extend", "all": "yes"})) | {"days": "10"}
    answers = [said(browser, browser.post("/records/bulk", form)) for _ in range(2)]
    assert answers == ["1 record extended by 10 days."] * 2
    assert len(queries.history(con, record_id)) == 2


def test_a_confirmation_continues_no_other_action(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    form = asked(browser.post("/records/bulk", {"action": "extend", "all": "yes"})) | {"days": "10"}
    browser.post("/records/bulk", form)
    assert browser.post("/records/bulk", form | {"action": "delete"}).status == 422
    assert find_record(con, record_id)


def test_no_date_becomes_earlier_by_an_extension(browser: FakeBrowser, con: Connection) -> None:
    near, far = make_record(con, days=1), make_record(con, days=9000)
    kept = find_record(con, far)["expiry_date"]
    question = browser.post("/records/bulk", {"action": "extend", "all": "yes"})
    answer = browser.post("/records/bulk", asked(question) | {"by": "date", "until": "2031-01-01T12:00"})
    assert (
        said(browser, answer)
        == "1 record extended; 1 already has that date or a later one and was left alone."
    )
    assert find_record(con, near)["expiry_date"] == "2031-01-01T12:00:00Z"
    assert find_record(con, far)["expiry_date"] == kept


def test_an_expired_record_that_is_extended_becomes_active(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con, days=-2)
    expire_records(con)
    question = browser.post("/records/bulk", {"action": "extend", "all": "yes", "status": "expired"})
    assert heading(question) == "Extend the expiry of 1 expired record"
    browser.post("/records/bulk", asked(question) | {"days": "30"})
    assert find_record(con, record_id)["is_expired"] is False
    (event, *_) = queries.history(con, record_id)
    assert (event["action"], list(event["detail"]["before"])) == ("changed", ["expiry_date"])


def test_a_filter_is_repeated_in_words_and_decides_what_is_deleted(
    browser: FakeBrowser, con: Connection
) -> None:
    gone = [make_record(con, f"old lease {number}", days=-1) for number in (1, 2)]
    kept = [make_record(con, "old lease ahead"), make_record(con, "other", days=-1)]
    question = browser.post(
        "/records/bulk", {"action": "delete", "all": "yes", "status": "due", "q": "lease"}
    )
    assert heading(question) == "Delete all 2 due records whose titles match “lease” permanently?"
    answer = browser.post("/records/bulk", asked(question))
    assert answer.location == "/records?status=due&q=lease"
    assert said(browser, answer) == "2 records deleted."
    assert [find_record(con, each) for each in gone] == [None, None]
    assert None not in [find_record(con, each) for each in kept]
    assert queries.history(con, gone[0])[0]["actor"] == "you (this machine)"


def test_records_that_are_created_after_the_question_are_kept(browser: FakeBrowser, con: Connection) -> None:
    make_record(con)
    question = browser.post("/records/bulk", {"action": "delete", "all": "yes"})
    later = make_record(con, "later")
    browser.post("/records/bulk", asked(question))
    assert con.query("SELECT id FROM record") == [[later]]


def test_many_records_are_changed_in_calls_that_can_be_repeated(
    browser: FakeBrowser, con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    con.query(
        "INSERT INTO record (title, expiry_date) SELECT 'many', :at::timestamptz FROM generate_series(1, 2500)",
        at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    question = browser.post("/records/bulk", {"action": "extend", "all": "yes"})
    page = browser.post("/records/bulk", asked(question) | {"days": "1"})
    assert heading(page) == "1,000 records extended so far"
    assert '<progress max="2500" value="1000"' in page.text
    (path,) = re.findall(r'<form method="post" action="(/records/bulk/[^"]+)"', page.text)
    assert heading(browser.post(path)) == "2,000 records extended so far"
    for _ in range(2):
        assert said(browser, browser.post(path)) == "2,500 records extended by 1 day."
    assert con.query("SELECT DISTINCT expiry_date FROM record") == [[datetime(2030, 1, 2, tzinfo=UTC)]]


def test_the_activity_has_a_bulk_action_once(browser: FakeBrowser, con: Connection) -> None:
    for number in range(3):
        make_record(con, f"lease {number}")
    question = browser.post("/records/bulk", {"action": "delete", "all": "yes"})
    said(browser, browser.post("/records/bulk", asked(question)))
    text = visible_text(browser.get("/dashboard/activity"))
    rows = text.partition("Note")[2]
    assert "deleted 3 records all 3 records" in rows
    assert rows.count("deleted") == 1


@pytest.mark.parametrize("days", ["", "0", "-1", "1.5", "x", "36501", "9" * 30])
def test_wrong_days_are_refused_at_their_field(browser: FakeBrowser, con: Connection, days: str) -> None:
    make_record(con)
    question = browser.post("/records/bulk", {"action": "extend", "all": "yes"})
    page = browser.post("/records/bulk", asked(question) | {"by": "days", "days": days})
    assert (page.status, "Must be a whole number from 1 to 36,500." in page.text) == (422, True)
    assert con.query("SELECT FROM record_bulk_action") == []


@pytest.mark.parametrize("form", [{}, {"id": []}, {"id": ["x", "0", "-1"]}])
def test_nothing_selected_changes_nothing(browser: FakeBrowser, form: dict[str, list[str]]) -> None:
    answer = browser.post("/records/bulk", {"action": "extend", "q": "lease", **form})
    assert answer.location == "/records?q=lease"
    assert "No record was selected, so nothing was done." in said(browser, answer)


def test_operators_extend_and_only_admins_delete(browser: FakeBrowser, con: Connection) -> None:
    record_id = str(make_record(con))
    browser.sign_in(Role.OPERATOR)
    text = browser.get("/records").text
    assert 'value="extend"' in text and 'value="delete"' not in text
    assert browser.post("/records/bulk", {"action": "extend", "id": record_id}).status == 200
    assert browser.post("/records/bulk", {"action": "delete", "id": record_id, "sure": "yes"}).status == 403
    browser.sign_in(Role.VIEWER)
    assert "data-record" not in browser.get("/records").text
    assert browser.post("/records/bulk", {"action": "extend", "id": record_id}).status == 403
    assert find_record(con, int(record_id))


def test_an_operator_continues_no_deletion(browser: FakeBrowser, con: Connection) -> None:
    make_record(con)
    selection = bulk_actions.Selection(con.now(), bulk_actions.last_id(con))
    started = bulk_actions.start(
        con, selection, None, action_id=str(uuid4()), target="all records", actor="ada"
    )
    browser.sign_in(Role.OPERATOR)
    assert browser.post(f"/records/bulk/{started.id}").status == 403


@pytest.mark.parametrize("path", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_bulk_action_is_not_found(browser: FakeBrowser, path: str) -> None:
    assert browser.post(f"/records/bulk/{path}").status == 404
