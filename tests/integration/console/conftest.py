"""A fake browser: sends requests as browsers do through API Gateway and keeps cookies, but follows no redirects."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest

from slowmatch.db import Connection
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import Settings, settings
from tests.integration.jobs.conftest import Queues, Work

HOST = "127.0.0.1:8080"
ORIGIN = f"http://{HOST}"
ISSUER = "https://identity.example.com"

Form = Mapping[str, str | list[str]]


@dataclass
class Page:
    """The answer to the browser; `cookies` are the Set-Cookie values."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: list[str]

    @property
    def location(self) -> str:
        """The target of a redirect."""
        return self.headers["Location"]


@dataclass
class FakeBrowser:
    """Sends requests to `handler`, with `headers` in every request."""

    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    context: Any
    monkeypatch: pytest.MonkeyPatch
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> Page:
        """Underscores in the names of `headers` stand for hyphens: if_none_match=..."""
        return self.send("GET", address, None, headers)

    def post(self, address: str, form: Form | None = None, **headers: str) -> Page:
        sent = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded", **headers}
        return self.send("POST", address, urlencode(form or {}, doseq=True), sent)

    def send(self, method: str, address: str, body: str | None, headers: Mapping[str, str]) -> Page:
        answer = self.handler(self.event(method, address, body, headers), self.context)
        content = answer.get("body") or ""
        if answer.get("isBase64Encoded"):
            content = _text(base64.b64decode(content), answer["headers"])
        cookies = answer.get("cookies") or []
        self._keep(cookies)
        return Page(answer["statusCode"], answer["headers"], content, cookies)

    def event(
        self, method: str, address: str, body: str | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """An event of API Gateway in version 2.0: bodies of forms are in base64, cookies in a list."""
        parts = urlsplit(address)
        named = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "cookies": [f"{name}={value}" for name, value in self.cookies.items()],
            "headers": {"host": HOST, "accept-encoding": "gzip", **named},
            "requestContext": {
                "domainName": HOST,
                "http": {"method": method, "path": parts.path, "sourceIp": "127.0.0.1"},
                "stage": "$default",
            },
            "body": None if body is None else base64.b64encode(body.encode()).decode(),
            "isBase64Encoded": body is not None,
        }

    def sign_in(self, role: Role | None, name: str = "kim@example.com") -> None:
        """Switch to AUTH=oidc and send a session cookie with this role from now on."""
        from slowmatch.http.auth import sessions

        self.monkeypatch.setenv("AUTH", "oidc")
        settings.cache_clear()
        value = sessions.issue(Identity(name, name, role))
        event = self.event("GET", "/", None, {})
        self.cookies[sessions.cookie_name(event, sessions.SESSION)] = value

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            pair, _, attributes = cookie.partition(";")
            name, _, value = pair.partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in attributes:
                del self.cookies[name]


@pytest.fixture
def browser(
    environment: Settings,
    session_secret: str,
    monkeypatch: pytest.MonkeyPatch,
    lambda_context: Any,
) -> FakeBrowser:
    """Signed in as the admin on this machine until `sign_in` is called."""
    from console.app import handler

    for name, value in {
        "AUTH": "local",
        "OIDC_ISSUER": ISSUER,
        "OIDC_SECRET_ARN": session_secret,
        "SESSION_SECRET_ARN": session_secret,
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return FakeBrowser(handler, lambda_context, monkeypatch)


@pytest.fixture
def work(con: Connection, lambda_context: Any) -> Work:
    """Invokes the function of record-expiry as Lambda would."""
    Queues()
    return Work(con, lambda_context, JOBS["record-expiry"])


@pytest.fixture(scope="session")
def session_secret(aws: str) -> str:
    """The ARN of a secret with all that a sign-in needs."""
    text = json.dumps({"client_id": "console", "key": "k" * 32})
    arn: str = boto3.client("secretsmanager").create_secret(Name="browser", SecretString=text)["ARN"]
    return arn


def _text(body: bytes, headers: Mapping[str, str]) -> str:
    is_packed = "gzip" in (headers.get("Content-Encoding"), headers["Content-Type"].rpartition("/")[2])
    return (gzip.decompress(body) if is_packed else body).decode()


@pytest.fixture
def queues(environment: Settings) -> Queues:
    """The queues of all jobs, which are empty."""
    found = Queues()
    found.make_dead_letters()
    return found
