"""The fixture that the tests of pages share."""

import pytest

from slowmatch.http.identity import Role
from tests.integration.console.conftest import Browse


def test_a_visitor_on_this_machine_is_an_admin(browse: Browse) -> None:
    page = browse.get("/dashboard")
    assert (page.status, "· admin" in page.text) == (200, True)


@pytest.mark.parametrize("role", Role)
def test_a_session_has_the_role_that_the_test_gave(browse: Browse, role: Role) -> None:
    browse.sign_in(role)
    assert f"kim@example.com · {role.name.lower()}" in browse.get("/dashboard").text


def test_cookies_are_kept_until_they_are_taken_away(browse: Browse) -> None:
    browse.sign_in(Role.VIEWER)
    assert browse.post("/sign-out").status == 303
    assert browse.cookies == {}
