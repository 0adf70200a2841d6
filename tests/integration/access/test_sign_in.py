"""Signing in to the console, with a provider that may lie."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from console.app import handler
from console.web import sign_in_attempts
from console.web.request import path_on_this_site
from slowmatch.aws import secrets
from slowmatch.db import Connection
from slowmatch.http.auth import sessions
from tests.conftest import LambdaContext
from tests.integration.access.conftest import Log
from tests.integration.access.sign_in_steps import (
    CALLBACK,
    TOO_MANY_GROUPS,
    age_cookies,
    begin_sign_in,
    return_from_provider,
    sign_in,
)
from tests.integration.console.conftest import FakeBrowser
from tests.support.issuer import CLIENT_ID, Issuer, key


def test_the_provider_is_asked_for_a_code(browser: FakeBrowser, issuer: Issuer) -> None:
    page = browser.get("/sign-in?next=/records")
    assert page.location.startswith(f"{issuer.url}/authorize?")
    asked = parse_qs(urlsplit(page.location).query)
    assert asked["response_type"] == ["code"] and asked["code_challenge_method"] == ["S256"]
    assert asked["client_id"] == [CLIENT_ID] and asked["redirect_uri"] == [CALLBACK]
    assert asked["scope"] == ["openid email profile"]
    secret = {name: asked[name][0] for name in ("state", "nonce", "code_challenge")}
    assert all(len(value) >= 43 for value in secret.values()) and len(set(secret.values())) == 3
    again = dict(parse_qsl(urlsplit(browser.get("/sign-in").location).query))
    assert all(again[name] != value for name, value in secret.items())


def test_signing_in_leads_to_the_page_asked_for(browser: FakeBrowser, issuer: Issuer) -> None:
    wanted = browser.get("/records?q=x").location
    assert wanted == "/sign-in?next=/records%3Fq%3Dx"
    asked = dict(parse_qsl(urlsplit(browser.get(wanted).location).query))
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    page = return_from_provider(browser, code="good", state=asked["state"], iss=issuer.url)
    assert (page.status, page.location) == (303, "/records?q=x")
    assert set(browser.cookies) == {"session"}
    (form,) = issuer.forms
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
    assert form["code"] == "good" and form["redirect_uri"] == CALLBACK and form["client_id"] == CLIENT_ID
    assert issuer.authorization is None
    assert browser.get("/").location == "/dashboard"


POSTED = ["client_secret_basic", "client_secret_post"]


@pytest.mark.parametrize("methods", [None, ["client_secret_basic"], POSTED], ids=str)
def test_a_client_sends_its_secret_as_the_provider_supports(
    browser: FakeBrowser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, methods: list[str] | None
) -> None:
    def read(arn: str, *keys: str) -> dict[str, str]:
        return {"client_id": CLIENT_ID, "client_secret": "s:cret/", "key": "k" * 64}

    monkeypatch.setattr(secrets, "read", read)
    issuer.document = {"token_endpoint_auth_methods_supported": methods} if methods else {}
    assert sign_in(browser, issuer).status == 303
    expected = base64.b64encode(f"{CLIENT_ID}:s%3Acret%2F".encode()).decode()
    (form,) = issuer.forms
    in_header = issuer.authorization == f"Basic {expected}" and "client_secret" not in form
    in_form = issuer.authorization is None and (form.get("client_id"), form.get("client_secret")) == (
        CLIENT_ID,
        "s:cret/",
    )
    assert (in_header, in_form) == (methods != POSTED, methods == POSTED)


def test_the_session_is_only_for_this_site_s_requests(
    con: Connection, issuer: Issuer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Cloud(handler, lambda_context, monkeypatch)
    page = sign_in(browser, issuer)
    assert (page.status, page.location) == (303, "/records")
    assert set(browser.cookies) == {"__Host-session"}
    session = next(cookie for cookie in page.cookies if "session" in cookie)
    assert session.startswith("__Host-session=")
    assert session.endswith("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure")
    assert browser.get("/").location == "/dashboard"


class Cloud(FakeBrowser):
    """Browses the console at an address of the cloud's."""

    def event(self, *request: Any) -> dict[str, Any]:
        event = super().event(*request)
        event["requestContext"]["domainName"] = event["headers"]["host"] = "console.example.com"
        event["requestContext"]["http"]["sourceIp"] = "203.0.113.7"
        return event


Make = Callable[[Issuer, str], str]
WRONG: dict[str, tuple[Make, str]] = {
    "another nonce": (lambda issuer, nonce: issuer.token(nonce="x" * 43), "nonce"),
    "no nonce": (lambda issuer, nonce: issuer.token(), "nonce"),
    "another audience": (lambda issuer, nonce: issuer.token(nonce=nonce, aud="other"), "another audience"),
    "no audience": (
        lambda issuer, nonce: issuer.token(nonce=nonce, aud=None, client_id=CLIENT_ID),
        "another audience",
    ),
    "made for another client": (
        lambda issuer, nonce: issuer.token(nonce=nonce, aud=[CLIENT_ID, "other"], azp="other"),
        "another audience",
    ),
    "forged": (lambda issuer, nonce: issuer.token(nonce=nonce, signed_by=key("forger")), "signature"),
}


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_identity_token_signs_nobody_in(
    browser: FakeBrowser, issuer: Issuer, log: Log, make: Make, reason: str
) -> None:
    asked = begin_sign_in(browser)
    token = make(issuer, asked["nonce"])
    issuer.answer = (200, {"id_token": token})
    page = return_from_provider(browser, code="good", state=asked["state"])
    assert page.status == 400 and reason in page.text
    assert browser.cookies == {}
    text = log()
    assert "request refused" in text and token not in text


def test_an_answer_that_nobody_asked_for_is_refused(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser)
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    for state in ("x" * 43, "", asked["state"] + "x", "é", sessions.sign(sessions.SIGN_IN, {"id": "x"})):
        page = return_from_provider(browser, code="good", state=state)
        assert page.status == 400 and "was started in another browser" in page.text
    assert issuer.forms == [] and "session" not in browser.cookies


def test_an_answer_to_another_browser_s_sign_in_is_refused(browser: FakeBrowser, issuer: Issuer) -> None:
    elsewhere = begin_sign_in(browser)
    browser.cookies.clear()
    asked = begin_sign_in(browser)
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    (value,) = browser.cookies.values()
    state = sign_in_attempts.read_state(elsewhere["state"])
    assert state is not None
    browser.cookies[state.cookie] = value
    page = return_from_provider(browser, code="good", state=elsewhere["state"])
    assert page.status == 400 and issuer.forms == [] and "session" not in browser.cookies


def test_an_answer_is_good_once_and_in_one_browser(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser)
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    stolen = dict(browser.cookies)
    assert return_from_provider(browser, code="good", state=asked["state"]).status == 303
    browser.cookies.clear()
    page = return_from_provider(browser, code="good", state=asked["state"])
    assert page.status == 400 and "was started in another browser" in page.text
    issuer.answer = (400, {"error": "invalid_grant", "error_description": "The code was used <b>before</b>"})
    browser.cookies = stolen
    page = return_from_provider(browser, code="good", state=asked["state"])
    assert page.status == 400 and "The code was used &lt;b&gt;before" in page.text
    assert "session" not in browser.cookies


def test_a_sign_in_takes_ten_minutes_at_most(browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = begin_sign_in(browser)
    age_cookies(monkeypatch, 601)
    page = return_from_provider(browser, code="good", state=asked["state"])
    assert page.status == 400 and "took longer than ten minutes" in page.text


def test_what_the_provider_says_is_said_on_a_page(browser: FakeBrowser) -> None:
    asked = begin_sign_in(browser)
    said = "Ann <script>does</script> not want to"
    page = return_from_provider(browser, error="access_denied", error_description=said, state=asked["state"])
    assert page.status == 400 and "&lt;script&gt;does&lt;/script&gt; not want to" in page.text
    page = return_from_provider(
        browser, error="access_denied", error_description="Call EVIL now", state="forged"
    )
    assert page.status == 400 and "EVIL" not in page.text


def test_another_provider_s_answer_is_refused(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser)
    page = return_from_provider(browser, code="good", state=asked["state"], iss="https://evil.example.com")
    assert page.status == 400 and "The response came from a different provider" in page.text
    assert issuer.forms == []


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/callback?code=x&state={}"])
def test_without_the_provider_the_page_says_so(browser: FakeBrowser, issuer: Issuer, path: str) -> None:
    state = begin_sign_in(browser)["state"] if "callback" in path else ""
    from slowmatch.http.auth.oidc import provider

    provider.cache_clear()
    issuer.down = True
    page = browser.get(path.format(state))
    assert page.status == 503 and "provider cannot be reached" in page.text
    assert page.headers["Retry-After"] == "5"


def test_a_person_without_a_role_is_refused_and_can_sign_out(browser: FakeBrowser, issuer: Issuer) -> None:
    assert sign_in(browser, issuer, **{"cognito:groups": []}).status == 303
    page = browser.get("/records")
    assert page.status == 403
    assert "signed in as ann@example.com, but you are not in any of the groups viewer" in page.text
    assert 'action="/sign-out"' in page.text
    assert browser.post("/sign-out").location == "/signed-out"
    assert browser.cookies == {}


def test_too_many_groups_are_refused_with_the_reason(browser: FakeBrowser, issuer: Issuer, log: Log) -> None:
    page = sign_in(browser, issuer, **TOO_MANY_GROUPS)
    assert page.status == 403 and browser.cookies == {}
    assert "account ann@example.com is in more groups than the sign-in provider includes" in page.text
    assert "An administrator has to switch from groups to app roles" in page.text
    assert log().count("account ann@example.com is in more groups") == 1


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "/\t/evil.example.com",
        "\t//evil.example.com",
        "javascript:alert(1)",
        "evil.example.com",
        "http:/evil.example.com",
        "/x\r\nSet-Cookie: session=x",
        "/\u2028/evil.example.com",
        "/" + "x" * 2000,
        "/sign-in?next=/sign-in",
        "/sign-out",
        "",
    ],
)
def test_nobody_is_led_to_another_site(wanted: str) -> None:
    assert path_on_this_site(wanted) == "/dashboard"


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/records", "/records"),
        ("/dashboard/runs?text=a%20b&state=failed", "/dashboard/runs?text=a%20b&state=failed"),
        ("/records?q=é", "/records?q=%C3%A9"),
        ("/records?next=https://example.com", "/records?next=https://example.com"),
    ],
)
def test_pages_of_this_site_are_led_to(wanted: str, led: str) -> None:
    assert path_on_this_site(wanted) == led


def test_a_mistyped_address_of_the_api_leads_to_no_sign_in(browser: FakeBrowser, issuer: Issuer) -> None:
    answer = browser.get("/api/nope")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")
    answer = browser.get("/api/nope", authorization=f"Bearer {issuer.access_token()}")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_way_back_is_checked_when_the_sign_in_begins(browser: FakeBrowser, issuer: Issuer) -> None:
    asked = begin_sign_in(browser, "//evil.example.com")
    issuer.answer = (200, {"id_token": issuer.token(nonce=asked["nonce"])})
    assert return_from_provider(browser, code="good", state=asked["state"]).location == "/dashboard"
