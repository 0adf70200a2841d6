"""Bearer tokens: which ones let a program in, and that the others do nothing."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.http.auth import oidc as provider_module
from slowmatch.http.auth.oidc import provider
from tests.conftest import SetVariable, request_context
from tests.integration.access.conftest import Send, nothing_written
from tests.integration.access.sign_in_steps import TOO_MANY_GROUPS
from tests.support.issuer import CLIENT_ID, HOUR, Issuer, hs256, key, pem, public, unsigned

Make = Callable[[Issuer], str]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "claims", [{"cognito:groups": ["viewer", "operator"]}, {"cognito:groups": "operator"}], ids=str
)
def test_a_good_token_lets_in(issuer: Issuer, send: Send, claims: dict[str, Any]) -> None:
    assert send(bearer(issuer.access_token(**claims))).status == 201


def test_clocks_may_differ_by_half_a_minute(issuer: Issuer, send: Send) -> None:
    assert send(bearer(issuer.access_token(exp=int(time.time()) - 5))).status == 201


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_s_capitals_and_spaces_do_not_matter(issuer: Issuer, send: Send, scheme: str) -> None:
    assert send({"authorization": f"{scheme} {issuer.access_token()}"}).status == 201


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Bearerx", ""])
def test_a_token_of_another_scheme_is_none(issuer: Issuer, send: Send, scheme: str) -> None:
    assert send({"authorization": f"{scheme} {issuer.access_token()}"}).status == 401


WRONG: dict[str, tuple[Make, str]] = {
    "expired": (lambda issuer: issuer.access_token(exp=int(time.time()) - 60), "expired"),
    "not valid yet": (lambda issuer: issuer.access_token(nbf=int(time.time()) + HOUR), "not valid yet"),
    "forged": (lambda issuer: forged(issuer), "signature"),
    "forged, with a key": (
        lambda issuer: forged(issuer, header={"jwk": public("first", key("forger"))}),
        "signature",
    ),
    "forged, with the address of keys": (
        lambda issuer: forged(issuer, kid="forger", header={"jku": f"{issuer.url}/forged"}),
        "key",
    ),
    "a foreign issuer": (lambda issuer: issuer.access_token(iss="https://evil.example.com"), "issuer"),
    "an issuer that begins alike": (lambda issuer: issuer.access_token(iss=f"{issuer.url}/evil"), "issuer"),
    "an ID token": (lambda issuer: issuer.access_token(token_use="id", aud=CLIENT_ID), "not an access token"),
    "another client": (lambda issuer: issuer.access_token(client_id="other"), "another client"),
    "no client": (lambda issuer: issuer.access_token(client_id=None), "another client"),
    "no expiry": (lambda issuer: issuer.access_token(exp=None), "no exp"),
    "no issuer": (lambda issuer: issuer.access_token(iss=None), "no iss"),
    "no subject": (lambda issuer: issuer.access_token(sub=None), "no sub"),
    "no key id": (lambda issuer: issuer.access_token(kid=None), "key"),
    "an unknown key id": (lambda issuer: issuer.access_token(kid="second"), "key"),
    "alg none": (lambda issuer: unsigned(issuer.access_token()), "algorithm"),
    "HS256": (lambda issuer: hs256(issuer.access_token(), pem(key("first"))), "algorithm"),  # the public key
    "PS256": (lambda issuer: issuer.access_token(alg="PS256"), "algorithm"),
    "no signature": (lambda issuer: issuer.access_token().rpartition(".")[0] + ".", "signature"),
    "two tokens": (lambda issuer: ",Bearer ".join([issuer.access_token()] * 2), "not a signed token"),
    "garbage": (lambda issuer: "garbage", "not a signed token"),
    "letters of any script": (lambda issuer: "é漢.字.🔥", "not a signed token"),
    "half a letter": (lambda issuer: f"{issuer.access_token()}\udce9", "not a signed token"),
    "deeply nested": (lambda issuer: f"{nested()}.e30.e30", "not a signed token"),
    "NUL": (lambda issuer: f"\0{issuer.access_token()}", "not a signed token"),
}


@pytest.mark.parametrize(("make", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_token_is_refused_and_logged(
    issuer: Issuer, con: Connection, send: Send, make: Make, reason: str
) -> None:
    token = make(issuer)
    with nothing_written(con):
        answer = send(bearer(token))
    assert answer.status == 401 and reason in answer.detail
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "'request refused'" in answer.log and "'path': '/api/records'" in answer.log
    assert token not in answer.log


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1", "x-real-ip": "127.0.0.1"},
        {"x-amzn-oidc-data": "x", "x-amzn-oidc-identity": "admin", "remote-user": "admin"},
        {"x-http-method-override": "GET", "x-original-url": "/api/health", "x-rewrite-url": "/api/health"},
    ],
    ids=str,
)
def test_without_a_token_nobody_gets_in(issuer: Issuer, send: Send, headers: dict[str, str]) -> None:
    assert send(headers).status == 401


def test_a_token_elsewhere_than_in_its_header_is_none(issuer: Issuer, send: Send) -> None:
    token = issuer.access_token()
    assert send({}, queryStringParameters={"access_token": token}).status == 401
    assert send({}, cookies=[f"session={token}", f"authorization=Bearer {token}"]).status == 401
    assert send({"x-authorization": f"Bearer {token}"}).status == 401
    authorizer = {"jwt": {"claims": {"cognito:groups": "admin", "sub": "1"}}}
    context = request_context("POST", "/api/records") | {"authorizer": authorizer}
    assert send({}, requestContext=context).status == 401


def test_two_headers_that_differ_in_capitals_alone_hide_nothing(issuer: Issuer, send: Send) -> None:
    both = {"Authorization": "Bearer x", "authorization": f"Bearer {issuer.access_token()}"}
    assert send(both).status == 401


def test_a_session_s_cookie_is_no_token(issuer: Issuer, send: Send) -> None:
    from slowmatch.http.auth import sessions
    from slowmatch.http.auth.roles import LOCAL_USER

    value = sessions.issue(LOCAL_USER)
    assert send({}, cookies=[f"__Host-session={value}", f"session={value}"]).status == 401
    assert send(bearer(value)).status == 401


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"cognito:groups": ["tennis"]}, "not in any of the groups viewer, operator, admin"),
        (TOO_MANY_GROUPS, "account ann@example.com is in more groups"),
    ],
    ids=["no group", "too many groups"],
)
def test_a_person_without_a_role_is_refused_with_the_reason(
    issuer: Issuer, con: Connection, send: Send, claims: dict[str, Any], reason: str
) -> None:
    answer = send(bearer(issuer.access_token(**claims)))
    assert answer.status == 403 and reason in answer.detail
    assert answer.log.count(reason) == 1 and "ann@example.com" in answer.log
    assert con.query("SELECT count(*) FROM record") == [[0]]


def test_a_chosen_client_is_the_only_one(issuer: Issuer, send: Send, set_variable: SetVariable) -> None:
    set_variable("OIDC_AUDIENCE", "robots")
    assert send(bearer(issuer.access_token(client_id="robots"))).status == 201
    assert send(bearer(issuer.access_token())).status == 401


# providers other than Cognito

API = "https://slowmatch.example.com/api"


@pytest.mark.parametrize("chosen", ["", CLIENT_ID])
@pytest.mark.parametrize("aud", [CLIENT_ID, [CLIENT_ID, API], API, None])
def test_without_its_own_audience_the_api_accepts_no_token(
    issuer: Issuer, send: Send, set_variable: SetVariable, chosen: str, aud: Any
) -> None:
    set_variable("OIDC_AUDIENCE", chosen)
    answer = send(bearer(issuer.token(aud=aud)))
    assert answer.status == 401 and "sets OidcAudience" in answer.detail
    assert CLIENT_ID not in answer.detail.replace("client id of the console", "")


@pytest.mark.parametrize("aud", [API, [API, "https://identity.example.com/userinfo"]], ids=str)
def test_an_access_token_has_the_audience_of_the_api(
    issuer: Issuer, send: Send, set_variable: SetVariable, aud: Any
) -> None:
    set_variable("OIDC_AUDIENCE", API)
    assert send(bearer(issuer.token(aud=aud))).status == 201


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": CLIENT_ID}, "an ID token"),
        ({"aud": [CLIENT_ID, API]}, "an ID token"),
        ({"aud": f"{API}/2"}, "another audience"),
        ({"aud": "other", "client_id": API}, "another audience"),
        ({"aud": None, "client_id": CLIENT_ID}, "another audience"),
        ({"aud": None, "client_id": API}, "another audience"),
        ({"aud": API, "token_use": "id"}, "not an access token"),
    ],
    ids=str,
)
def test_a_token_with_another_audience_is_refused(
    issuer: Issuer, send: Send, set_variable: SetVariable, claims: dict[str, Any], reason: str
) -> None:
    set_variable("OIDC_AUDIENCE", API)
    answer = send(bearer(issuer.token(**claims)))
    assert answer.status == 401 and reason in answer.detail


# the provider's keys


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock; a test sets its one item."""
    now = [1000.0]
    monkeypatch.setattr(provider_module, "monotonic", lambda: now[0])
    return now


def test_the_keys_are_fetched_once(issuer: Issuer, send: Send) -> None:
    for _ in range(3):
        assert send(bearer(issuer.access_token())).status == 201
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


def test_an_unknown_key_is_looked_for_once_a_minute(issuer: Issuer, send: Send, clock: list[float]) -> None:
    for _ in range(3):
        assert send(bearer(issuer.access_token(kid="second", signed_by=key("second")))).status == 401
    assert issuer.asked.count("/jwks") == 1
    issuer.published["second"] = key("second")
    clock[0] += 61
    assert send(bearer(issuer.access_token(kid="second", signed_by=key("second")))).status == 201
    assert issuer.asked.count("/jwks") == 2


def test_a_withdrawn_key_is_trusted_for_an_hour(issuer: Issuer, send: Send, clock: list[float]) -> None:
    assert send(bearer(issuer.access_token())).status == 201
    issuer.published = {"second": key("second")}
    clock[0] += 3601
    assert send(bearer(issuer.access_token())).status == 401


def test_without_the_provider_s_keys_nothing_is_done(issuer: Issuer, con: Connection, send: Send) -> None:
    issuer.down = True
    answer = send(bearer(issuer.access_token()))
    assert answer.status == 503 and "sign-in provider cannot be reached" in answer.detail
    assert answer.headers["Retry-After"] == "5" and "/.well-known/" in answer.log
    assert con.query("SELECT count(*) FROM record") == [[0]]
    issuer.down = False
    assert send(bearer(issuer.access_token())).status == 201


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"issuer": "https://evil.example.com"}, 500),
        ({"jwks_uri": "http://keys.example.com/jwks"}, 500),
        ({"jwks_uri": "file:///etc/passwd"}, 500),
        ({"jwks_uri": None}, 500),
        ({"jwks_uri": "http://127.0.0.1:1/jwks"}, 503),
    ],
    ids=str,
)
def test_a_provider_s_wrong_document_lets_nobody_in(
    issuer: Issuer, con: Connection, send: Send, document: dict[str, Any], status: int
) -> None:
    issuer.document = document
    assert send(bearer(issuer.access_token())).status == status
    assert con.query("SELECT count(*) FROM record") == [[0]]


def test_no_redirect_is_followed(issuer: Issuer, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = issuer.reply

    def moved(path: str) -> tuple[int, dict[str, Any]]:
        return (302, {"location": f"{issuer.url}/elsewhere"}) if path == "/jwks" else reply(path)

    monkeypatch.setattr(issuer, "reply", moved)
    assert send(bearer(issuer.access_token())).status == 503
    assert "/elsewhere" not in issuer.asked


def test_missing_settings_are_named_in_the_log(issuer: Issuer, send: Send, set_variable: SetVariable) -> None:
    set_variable("OIDC_ISSUER", "")
    provider.cache_clear()
    answer = send(bearer(issuer.access_token()))
    assert answer.status == 500 and "OIDC_ISSUER" in answer.log and "OIDC_ISSUER" not in answer.detail


def forged(issuer: Issuer, **changes: Any) -> str:
    return issuer.access_token(signed_by=key("forger"), **changes)


def nested() -> str:
    """A header that takes a reader to the end of its stack."""
    return base64.urlsafe_b64encode(b'{"alg":"RS256","kid":' + b"[" * 4000).decode().rstrip("=")
