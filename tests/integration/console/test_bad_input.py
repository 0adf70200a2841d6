"""What no page of ours sends: each is a normal answer or a refusal in words, never a failure."""

import base64
from urllib.parse import quote

import pytest

from console.forms import run_filter
from console.web import flash
from slowmatch.db import Connection
from slowmatch.http.auth import sessions
from slowmatch.http.auth.roles import Role
from tests.integration.console import run_factory
from tests.integration.console.conftest import ORIGIN, FakeBrowser
from tests.integration.console.record_pages import make_record

NOTICE = f"{flash.KIND}-00000000"


def test_an_address_may_have_any_number_of_parameters(browser: FakeBrowser) -> None:
    many = "&".join(f"a{number}=1" for number in range(1500))
    assert browser.get(f"/records?{many}").status == 200
    assert browser.get(f"/runs/none?{many}").status == 404


def test_a_form_of_too_many_fields_is_refused(browser: FakeBrowser) -> None:
    page = browser.post("/records", {"title": ["a"] * 2001})
    assert page.status == 413


@pytest.mark.parametrize(
    "cursor",
    ["9999-12-31T23:59:59-14:00 a", "0001-01-01T00:00:00+14:00 a", "2026-01-01", "x", "'--", "x" * 3000],
)
def test_an_invalid_cursor_of_the_activity_leads_to_its_start(browser: FakeBrowser, cursor: str) -> None:
    page = browser.get(f"/dashboard/activity?before={quote(cursor)}")
    assert page.status == 200
    assert "so the first page is shown" in page.text


NASTY = (
    "\0",
    "'; DROP TABLE job_run; --",
    "<script>alert(1)</script>",
    "%",
    "x" * 10_000,
    "０１",
    "\ud7ff🦊",
    "-" * 40,
)


@pytest.mark.parametrize("field", [*run_filter.FIELDS, "sort", "size", "before", "part"])
def test_anything_in_a_filter_has_a_normal_page(field: str, browser: FakeBrowser, con: Connection) -> None:
    run_factory.make_run(con, "failed")
    for text in NASTY:
        for path in ("/dashboard/failed", "/dashboard/runs", "/dashboard/retries"):
            page = browser.get(f"{path}?{field}={quote(text)}")
            assert page.status == 200 and "<script>alert" not in page.text, (path, text)
            assert browser.get(f"{path}.csv?{field}={quote(text)}").status in (200, 422), (path, text)
    assert run_factory.count_by_state(con) == {"failed": 1}


@pytest.mark.parametrize("field", ["text", "job", "error_type"])
def test_a_bulk_action_with_nul_in_its_filter_does_nothing(browser: FakeBrowser, field: str) -> None:
    form = {"list": "failed", "action": "delete", "all": "yes", "sure": "yes", field: "a\0b"}
    assert browser.post("/runs", form).status == 422


@pytest.mark.parametrize("was", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "never", ""])
def test_a_form_filled_with_another_record_is_asked_about(browser: FakeBrowser, was: str) -> None:
    browser.post("/records", {"title": "Passport", "expiry_date": "2030-01-01T00:00"})
    fields = {"title": "Visa", "title_was": "Passport", "expiry_date": "2031-01-01T00:00", "expiry_was": was}
    page = browser.post("/records/1", fields)
    assert (page.status, "Visa" in page.text) == (409, True)
    assert "Visa" not in browser.get("/records/1").text


@pytest.mark.parametrize(
    "content", ["[" * 5000, '["Hi", "/records", "Go"]', '{"text": "Hi"}', "7", "\xff", ""]
)
@pytest.mark.parametrize("signature", ["", ".awXKAg.08PFDyN7_ueZGO80L3uiCb9W2MHgdt0_UFTtMnK3bN4"])
def test_a_forged_flash_message_is_ignored(browser: FakeBrowser, content: str, signature: str) -> None:
    browser.cookies[NOTICE] = base64.urlsafe_b64encode(content.encode()).decode() + signature
    page = browser.get("/records")
    assert page.status == 200
    assert 'class="flash"' not in page.text


def test_another_signed_cookie_is_no_flash_message(browser: FakeBrowser) -> None:
    said = {"text": "<b>Hi</b>", "href": "", "link": ""}
    browser.cookies[NOTICE] = sessions.sign(sessions.SIGN_IN, said)
    assert 'class="flash"' not in browser.get("/records").text
    browser.cookies[NOTICE] = sessions.sign(flash.KIND, said)
    assert "&lt;b&gt;Hi&lt;/b&gt;" in browser.get("/records").text


def test_a_form_stays_on_the_screen_when_the_session_is_over(browser: FakeBrowser) -> None:
    browser.sign_in(Role.OPERATOR)
    browser.cookies.clear()
    page = browser.post("/records", {"title": "Typed", "expiry_date": "2030-01-01T00:00"}, hx_request="true")
    assert (page.status, page.headers["HX-Reswap"], page.headers["HX-Push-Url"]) == (401, "none", "false")
    assert "HX-Redirect" not in page.headers


@pytest.mark.parametrize("action", ["extend", "delete"])
def test_a_nul_in_a_form_finds_no_record(browser: FakeBrowser, con: Connection, action: str) -> None:
    make_record(con, "Lease")
    answer = browser.post("/records/bulk", {"action": action, "all": "yes", "q": "Visa\0"})
    assert (answer.status, "0 records whose titles match “Visa”" in answer.text) == (200, True)


def test_a_file_may_have_any_name(browser: FakeBrowser, con: Connection) -> None:
    field = '--b\r\nContent-Disposition: form-data; name="file"; filename="fr\xfc\0.csv"\r\n\r\n'
    body = f"{field}title,expiry_date\r\nLease,2027-01-01\r\n--b--\r\n"
    headers = {"origin": ORIGIN, "content-type": "multipart/form-data; boundary=b"}
    page = browser.send("POST", "/records/import", body, headers)
    assert (page.status, "frü" in page.text) == (200, True)
    assert "frü" in browser.get("/dashboard/activity").text
