"""Signing in from several tabs of one browser."""

from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

import pytest

from console.web.sign_in_attempts import MAX_ATTEMPTS
from slowmatch.http.auth.roles import Role
from tests.integration.access.sign_in_steps import (
    TOO_MANY_GROUPS,
    age_cookies,
    begin_sign_in,
    return_from_provider,
    sign_in,
)
from tests.integration.console.conftest import FakeBrowser, Page
from tests.support.issuer import Issuer

HEADERS_MAX_BYTES = 10_240  # API Gateway's limit for an HTTP API


def finish(browser: FakeBrowser, issuer: Issuer, asked: dict[str, str]) -> Page:
    """Come back from the provider's page."""
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    return return_from_provider(browser, code="good", state=asked["state"])


def attempts(browser: FakeBrowser) -> list[str]:
    return [name for name in browser.cookies if name.startswith("sign-in-")]


def again(page: Page) -> str:
    """Where "Try again" leads."""
    (link,) = (part for part in page.text.split('"') if part.startswith("/sign-in?next="))
    return parse_qs(urlsplit(link).query)["next"][0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_tabs_sign_in_at_once(browser: FakeBrowser, issuer: Issuer, order: tuple[int, int]) -> None:
    wanted = ["/records", "/jobs"]
    asked = [begin_sign_in(browser, path) for path in wanted]
    for tab in order:
        page = finish(browser, issuer, asked[tab])
        assert (page.status, page.location) == (303, wanted[tab])
    assert set(browser.cookies) == {"session"}


def test_each_tab_s_answer_is_checked_against_its_own_attempt(browser: FakeBrowser, issuer: Issuer) -> None:
    first, second = begin_sign_in(browser), begin_sign_in(browser)
    page = finish(browser, issuer, second | {"nonce": first["nonce"]})
    assert page.status == 400 and "nonce" in page.text
    assert len(attempts(browser)) == 1
    assert finish(browser, issuer, first).status == 303


def test_the_oldest_attempt_makes_way(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = [begin_sign_in(browser) for _ in range(MAX_ATTEMPTS + 1)]
    assert len(attempts(browser)) == MAX_ATTEMPTS
    assert finish(browser, issuer, asked[0]).status == 400
    for each in asked[1:]:
        assert finish(browser, issuer, each).status == 303


def test_many_attempts_stay_far_below_the_limit_of_headers(browser: FakeBrowser) -> None:
    wanted = f"/records?q={token_hex(490)}"  # which cannot be compressed
    states = [begin_sign_in(browser, wanted)["state"] for _ in range(2 * MAX_ATTEMPTS)]
    sent = "; ".join(f"__Host-{name}={value}" for name, value in browser.cookies.items())
    assert len(sent) + len(states[-1]) < HEADERS_MAX_BYTES / 2


def test_cookies_of_others_are_left_alone(browser: FakeBrowser) -> None:
    others = {f"sign-in-{name}": "x" for name in ("", "short", "much-too-long", "äöüäöüäö", "a b c d ")}
    browser.cookies |= others
    for _ in range(2 * MAX_ATTEMPTS):
        begin_sign_in(browser)
    assert others.items() <= browser.cookies.items()


def test_a_tab_goes_on_when_another_one_has_signed_in(
    browser: FakeBrowser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = begin_sign_in(browser, "/jobs?x=1")
    age_cookies(monkeypatch, 601)
    browser.sign_in(Role.VIEWER)
    page = finish(browser, issuer, late)
    assert (page.status, page.location) == (303, "/jobs?x=1")
    assert issuer.forms == [] and attempts(browser) == []


def test_loading_the_callback_again_goes_on(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser, "/jobs")
    for _ in range(2):
        assert finish(browser, issuer, asked).location == "/jobs"
    assert len(issuer.forms) == 1


@pytest.mark.parametrize("state", ["", "x", "L2V2aWw.x.y", "//evil.example.com"])
def test_a_forged_state_leads_to_the_dashboard(browser: FakeBrowser, state: str) -> None:
    browser.sign_in(Role.VIEWER)
    page = return_from_provider(browser, code="good", state=state)
    assert (page.status, page.location) == (303, "/dashboard")


@pytest.mark.parametrize("session", ["", "x"])
def test_without_a_valid_session_a_late_tab_fails(browser: FakeBrowser, issuer: Issuer, session: str) -> None:
    asked = begin_sign_in(browser)
    browser.cookies = {"session": session}
    assert finish(browser, issuer, asked).status == 400


@pytest.mark.parametrize(
    "answer", [{"error": "access_denied"}, {"code": "bad"}, {"code": "x", "iss": "https://evil.example.com"}]
)
def test_try_again_leads_on(browser: FakeBrowser, answer: dict[str, str]) -> None:
    asked = begin_sign_in(browser, "/records?q=é&status=active")
    for _ in range(2):
        page = return_from_provider(browser, state=asked["state"], **answer)
        assert page.status == 400 and again(page) == "/records?q=%C3%A9&status=active"


def test_try_again_never_leads_to_another_site(browser: FakeBrowser) -> None:
    asked = begin_sign_in(browser, "//evil.example.com")
    for state in (asked["state"], "//evil.example.com"):
        page = return_from_provider(browser, state=state, error="access_denied")
        assert again(page) == "/dashboard"


def test_an_address_that_is_too_long_is_forgotten(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser, "/records?q=" + "é" * 200)
    assert finish(browser, issuer, asked).location == "/dashboard"


def test_who_has_too_many_groups_can_try_again(browser: FakeBrowser, issuer: Issuer) -> None:
    assert again(sign_in(browser, issuer, **TOO_MANY_GROUPS)) == "/records"
