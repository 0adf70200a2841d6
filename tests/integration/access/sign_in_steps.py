"""The steps of a sign-in at the provider."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from itsdangerous import TimestampSigner

from tests.integration.console.conftest import FakeBrowser, Page
from tests.support.issuer import Issuer

CALLBACK = "http://127.0.0.1:8080/sign-in/callback"
TOO_MANY_GROUPS: dict[str, Any] = {"cognito:groups": None, "_claim_names": {"cognito:groups": "src1"}}
"""Claims of a person in more groups than the provider puts into a token."""


def begin_sign_in(browser: FakeBrowser, wanted: str = "/records") -> dict[str, str]:
    """Go to the provider's page and return its query."""
    page = browser.get(f"/sign-in?{urlencode({'next': wanted})}")
    assert page.status == 303
    return dict(parse_qsl(urlsplit(page.location).query))


def return_from_provider(browser: FakeBrowser, **answer: str) -> Page:
    return browser.get(f"/sign-in/callback?{urlencode(answer)}")


def sign_in(browser: FakeBrowser, issuer: Issuer, **claims: Any) -> Page:
    asked = begin_sign_in(browser)
    issuer.answer = (200, {"id_token": issuer.token(**({"nonce": asked["nonce"]} | claims))})
    return return_from_provider(browser, code="good", state=asked["state"])


def age_cookies(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Make all signed cookies that much older."""
    real = TimestampSigner.get_timestamp
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: real(self) + seconds)
