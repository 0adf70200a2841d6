"""Who may do what to records."""

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Role
from slowmatch.records import queries
from tests.integration.console.conftest import Browse
from tests.integration.console.record_pages import GOOD, add, find


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
    assert [event["actor"] for event in queries.history(con, record_id)] == ["kim@example.com", "robin"]


def test_an_admin_deletes_by_name(browse: Browse, con: Connection) -> None:
    record_id = add(con)
    browse.sign_in(Role.ADMIN, "ada@example.com")
    assert f"/records/{record_id}/delete" in browse.get(f"/records/{record_id}").text
    browse.post(f"/records/{record_id}/delete", {"sure": "yes"})
    assert queries.history(con, record_id)[0]["actor"] == "ada@example.com"


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
