"""Who may do what to records."""

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.records import queries
from tests.integration.console.conftest import FakeBrowser
from tests.integration.console.record_pages import GOOD, find_record, make_record


def test_a_viewer_is_offered_and_allowed_to_look(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    browser.sign_in(Role.VIEWER)
    for address in ("/records", f"/records/{record_id}"):
        page = browser.get(address)
        assert page.status == 200
        assert 'method="post" action="/records' not in page.text
    for address in ("/records", f"/records/{record_id}", f"/records/{record_id}/delete"):
        assert browser.post(address, GOOD | {"sure": "yes"}).status == 403
    assert find_record(con, record_id)["title"] == "Passport"
    con.query("DELETE FROM record")
    assert 'href="/records?new=1"' not in browser.get("/records").text


def test_an_operator_edits_but_does_not_delete(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    browser.sign_in(Role.OPERATOR)
    assert "/delete" not in browser.get(f"/records/{record_id}").text
    assert browser.post(f"/records/{record_id}/delete", {"sure": "yes"}).status == 403
    assert browser.post(f"/records/{record_id}", GOOD | {"title": "Visa"}).status == 303
    assert browser.post("/records", GOOD).status == 303
    assert [event["actor"] for event in queries.history(con, record_id)] == ["kim@example.com", "robin"]


def test_an_admin_deletes_by_name(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    browser.sign_in(Role.ADMIN, "ada@example.com")
    assert f"/records/{record_id}/delete" in browser.get(f"/records/{record_id}").text
    browser.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert queries.history(con, record_id)[0]["actor"] == "ada@example.com"


def test_a_form_of_another_site_changes_nothing(browser: FakeBrowser, con: Connection) -> None:
    record_id = make_record(con)
    answer = browser.post(f"/records/{record_id}/delete", {"sure": "yes"}, origin="https://evil.example")
    assert answer.status == 403
    assert find_record(con, record_id)


def test_nobody_sees_records_without_signing_in(browser: FakeBrowser) -> None:
    browser.sign_in(Role.VIEWER)
    browser.cookies.clear()
    answer = browser.get("/records?status=soon", sec_fetch_mode="navigate")
    assert answer.status == 303
    assert answer.location.startswith("/sign-in?next=/records")
