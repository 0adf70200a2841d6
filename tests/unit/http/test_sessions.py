"""Signed cookies."""

from typing import Any

import pytest

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.http.auth import sessions
from slowmatch.settings import Settings


def event(*cookies: str) -> dict[str, Any]:
    return {"cookies": list(cookies), "headers": {}, "requestContext": {"domainName": "localhost"}}


def test_of_two_cookies_the_one_with_the_most_specific_path_counts_which_comes_first() -> None:
    assert sessions.cookie(event("other=1", "session=2", "session=3"), "session") == "2"


def test_a_cookie_is_taken_away_with_the_attributes_that_it_was_set_with() -> None:
    assert (
        sessions.set_cookie(event(), "session", "", 0)
        == "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    )


def test_a_key_that_could_be_guessed_signs_nothing(
    environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "read", lambda *_: {"key": "k" * 31})
    with pytest.raises(SecretError, match="too short: it needs at least 32 characters"):
        sessions.sign(sessions.SESSION, {})
    monkeypatch.setattr(secrets, "read", lambda *_: {"key": "k" * 32})
    assert sessions.sign(sessions.SESSION, {})
