"""Without a sign-in: AUTH=local lets in who is on this machine."""

import pytest

from console.app import handler
from slowmatch.db import Connection
from tests.conftest import LambdaContext
from tests.integration.access.conftest import Log, nothing_written
from tests.integration.console.conftest import FakeBrowser


@pytest.fixture
def browser(con: Connection, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> FakeBrowser:
    """Under AUTH=local."""
    return FakeBrowser(handler, lambda_context, monkeypatch)


@pytest.mark.parametrize(
    "change",
    [
        {"sourceIp": "203.0.113.7"},
        {"sourceIp": ""},
        {"sourceIp": "::ffff:203.0.113.7"},
        {"domainName": "slowmatch.example.com"},
        {"domainName": "127.0.0.1.example.com"},
        {"domainName": "localhost.example.com:8080"},
        {"domainName": ""},
        {"host": "rebound.example.com"},
        {"x-forwarded-for": "203.0.113.7"},
        {"x-forwarded-for": "127.0.0.1, 203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_auth_local_lets_in_nobody_who_is_elsewhere(
    browser: FakeBrowser, con: Connection, log: Log, change: dict[str, str], method: str
) -> None:
    event = browser.event(method, "/records", "title=x" if method == "POST" else None, {})
    for name, value in change.items():
        if name == "sourceIp":
            event["requestContext"]["http"][name] = value
        elif name == "domainName":
            event["requestContext"][name] = value
        else:
            event["headers"][name] = value
    with nothing_written(con):
        answer = handler(event, browser.context)
    assert answer["statusCode"] == 403 and "AUTH=local" in log()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.8.8"])
@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9000"])
def test_auth_local_signs_in_who_is_on_this_machine(browser: FakeBrowser, address: str, host: str) -> None:
    event = browser.event("GET", "/", None, {})
    event["requestContext"]["http"]["sourceIp"] = address
    event["requestContext"]["domainName"] = event["headers"]["host"] = host
    answer = handler(event, browser.context)
    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "/dashboard")


def test_auth_local_has_nothing_to_sign_in_to(browser: FakeBrowser) -> None:
    assert browser.get("/sign-in?next=/jobs").location == "/jobs"
    assert browser.get("/sign-in?next=//evil.example.com").location == "/dashboard"
    assert browser.get("/sign-in/callback?code=x&state=y").location == "/dashboard"
