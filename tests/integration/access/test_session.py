"""The session's cookie, and signing out."""

import base64
from urllib.parse import urlencode

import pytest

from slowmatch.aws import secrets
from slowmatch.db import Connection
from slowmatch.http.auth import sessions, tokens
from slowmatch.http.auth.roles import Identity, Role
from tests.conftest import SetVariable
from tests.integration.access.conftest import Log, nothing_written
from tests.integration.access.sign_in_steps import age_cookies
from tests.integration.console.conftest import FakeBrowser
from tests.support.http_events import http_event
from tests.support.issuer import CLIENT_ID, Issuer


@pytest.mark.parametrize("change", ["x", "é\udce9", "", "signature", "payload", "flow", "another key"])
def test_a_cookie_that_is_not_ours_lets_nobody_in(
    browser: FakeBrowser, log: Log, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    browser.sign_in(Role.VIEWER)
    value = browser.cookies["session"]
    if change == "another key":
        sessions.serializer.cache_clear()
        monkeypatch.setattr(secrets, "read", lambda *_: {"key": "o" * 64})
    payload = base64.urlsafe_b64encode(b'{"name":"x","subject":"x","role":3}').decode().rstrip("=")
    browser.cookies["session"] = {
        "x": "x",
        "é\udce9": "é\udce9",
        "": "",
        "signature": value[:-2] + ("AA" if not value.endswith("AA") else "BB"),
        "payload": f"{payload}.{value.split('.', 1)[1]}",
        "flow": sessions.sign(sessions.SIGN_IN, {"name": "x", "subject": "x", "role": 3}),
        "another key": value,
    }[change]
    page = browser.get("/records")
    assert (page.status, page.location) == (303, "/sign-in?next=/records")
    assert "signature is wrong" in log()


def test_a_session_has_an_end(browser: FakeBrowser, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.sign_in(Role.VIEWER)
    assert browser.get("/").location == "/dashboard"
    age_cookies(monkeypatch, 8 * 3600 + 1)
    assert browser.get("/").location == "/sign-in?next=/"
    assert "has expired" in log()


def test_sessions_of_another_provider_are_not_valid(browser: FakeBrowser, set_variable: SetVariable) -> None:
    browser.sign_in(Role.ADMIN)
    set_variable("OIDC_ISSUER", "https://other.example.com")
    assert browser.get("/").location == "/sign-in?next=/"


def test_a_bearer_token_signs_nobody_in_to_the_console(browser: FakeBrowser, issuer: Issuer) -> None:
    assert browser.get("/records", authorization=f"Bearer {issuer.access_token()}").status == 303


@pytest.mark.parametrize("headers", [{"hx_request": "true"}, {"sec_fetch_mode": "cors"}], ids=str)
def test_a_script_gets_401_when_the_session_is_over(browser: FakeBrowser, headers: dict[str, str]) -> None:
    page = browser.get("/records?q=x", **headers)
    assert page.status == 401 and page.headers["HX-Redirect"] == "/sign-in?next=/records%3Fq%3Dx"
    assert browser.get("/records", sec_fetch_mode="navigate").status == 303


def test_a_form_without_a_session_does_nothing(browser: FakeBrowser, con: Connection) -> None:
    with nothing_written(con):
        page = browser.post("/records", {"title": "x"})
    assert page.status == 401 and "You are signed out" in page.text


def test_nobody_is_signed_out_by_another_site(browser: FakeBrowser) -> None:
    browser.sign_in(Role.VIEWER)
    assert browser.post("/sign-out", origin="https://evil.example.com").status == 403
    assert browser.get("/").location == "/dashboard"


def test_signed_out_offers_the_provider_s_own_sign_out(browser: FakeBrowser, issuer: Issuer) -> None:
    page = browser.get("/signed-out")
    assert 'href="/sign-in"' in page.text
    back = urlencode({"u": "http://127.0.0.1:8080/signed-out"})[2:]
    expected = (
        f"{issuer.url}/logout?client_id={CLIENT_ID}&amp;post_logout_redirect_uri={back}&amp;logout_uri={back}"
    )
    assert expected in page.text


def test_without_the_provider_signing_out_works_all_the_same(browser: FakeBrowser, issuer: Issuer) -> None:
    issuer.down = True
    assert browser.get("/signed-out").status == 200


def test_a_signature_has_one_spelling(issuer: Issuer) -> None:
    """base64 skips what is not of its alphabet."""
    value = sessions.issue(Identity("ann@example.com", "1", Role.ADMIN))
    for tail in ("{}", "!", " ", "="):
        with pytest.raises(sessions.InvalidCookie, match="signature is wrong"):
            sessions.unsign(sessions.SESSION, value + tail, 60)
        with pytest.raises(tokens.TokenError, match="not a signed token"):
            tokens.verify_access_token(issuer.access_token() + tail)


def test_of_two_cookies_the_first_counts() -> None:
    """The first one has the most specific path."""
    event = http_event("GET", "/", cookies=["other=1", "session=2", "session=3"])
    assert sessions.cookie(event, "session") == "2"


def test_a_cookie_is_taken_away_with_its_attributes() -> None:
    removal = sessions.set_cookie(http_event("GET", "/"), "session", "", 0)
    assert removal == "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


def test_a_short_key_signs_nothing(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "read", lambda *_: {"key": "k" * 31})
    with pytest.raises(secrets.SecretError, match="too short: it needs at least 32 characters"):
        sessions.sign(sessions.SESSION, {})
    monkeypatch.setattr(secrets, "read", lambda *_: {"key": "k" * 32})
    assert sessions.sign(sessions.SESSION, {})
