"""The fixture that the tests of pages share."""

import pytest

from slowmatch.http.auth.roles import Role
from tests.integration.console.conftest import FakeBrowser


def test_a_visitor_on_this_machine_is_an_admin(browser: FakeBrowser) -> None:
    page = browser.get("/dashboard")
    assert (page.status, "· admin" in page.text) == (200, True)


@pytest.mark.parametrize("role", Role)
def test_a_session_has_the_role_that_the_test_gave(browser: FakeBrowser, role: Role) -> None:
    browser.sign_in(role)
    assert f"kim@example.com · {role.name.lower()}" in browser.get("/dashboard").text


def test_cookies_are_kept_until_they_are_taken_away(browser: FakeBrowser) -> None:
    browser.sign_in(Role.VIEWER)
    assert browser.post("/sign-out").status == 303
    assert browser.cookies == {}


def test_nothing_is_kept_for_the_back_button_and_a_poll_is_still_small(browser: FakeBrowser) -> None:
    page = browser.get("/records")
    assert page.headers["Cache-Control"] == "no-store"
    poll = browser.get("/records", if_none_match=page.headers["ETag"])
    assert (poll.status, poll.text, poll.headers["Cache-Control"]) == (304, "", "no-store")


def test_an_administrator_s_page_is_not_unchanged_for_a_viewer(browser: FakeBrowser) -> None:
    etag = browser.get("/records").headers["ETag"]
    browser.sign_in(Role.VIEWER)
    page = browser.get("/records", if_none_match=etag)
    assert page.status == 200
    assert "New record" not in page.text
