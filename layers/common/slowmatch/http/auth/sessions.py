"""Signed cookies: the session of a signed-in browser, sign-ins in progress, notices.

They are signed, not encrypted: nothing in them is secret from the person who has them.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.http.auth.csrf import site_origin
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.http.request import Event
from slowmatch.http.validation import SIGNED_TEXT
from slowmatch.settings import SettingsError, settings

SESSION = "session"
SIGN_IN = "sign-in"
MIN_KEY_CHARACTERS = 32


class InvalidCookie(Exception):
    """The cookie is not ours, or not any more; the message says why."""


def issue(identity: Identity) -> str:
    """The value of a session cookie."""
    role = identity.role and int(identity.role)
    return sign(SESSION, {"name": identity.name, "subject": identity.subject, "role": role})


def find(event: Event) -> Identity | None:
    """Who is signed in; None without a session cookie. Raise InvalidCookie."""
    value = cookie(event, SESSION)
    if value is None:
        return None
    found = unsign(SESSION, value, settings().session_hours * 3600)
    return Identity(found["name"], found["subject"], Role(found["role"]) if found["role"] else None)


def find_valid(event: Event) -> Identity | None:
    """Who is signed in; None also for an invalid cookie."""
    try:
        return find(event)
    except InvalidCookie:
        return None


def sign(kind: str, values: Mapping[str, Any]) -> str:
    """The value of a cookie that only `unsign` with the same `kind` accepts."""
    return str(serializer(kind, settings().oidc_issuer).dumps(dict(values)))


def unsign(kind: str, value: str, max_age_seconds: int) -> dict[str, Any]:
    """The values that `sign` got at most `max_age_seconds` ago. Raise InvalidCookie."""
    from itsdangerous import (
        BadData,
        SignatureExpired,
    )  # only in the layer of functions that ask who somebody is

    if not SIGNED_TEXT.fullmatch(value):
        raise InvalidCookie("its signature is wrong")
    try:
        found: dict[str, Any] = serializer(kind, settings().oidc_issuer).loads(value, max_age=max_age_seconds)
    except SignatureExpired as error:
        raise InvalidCookie("it has expired") from error
    except BadData as error:
        raise InvalidCookie("its signature is wrong") from error
    return found


def cookie(event: Event, kind: str) -> str | None:
    """The value that the browser sent. Of several, the first has the most specific path."""
    name = cookie_name(event, kind)
    return next((value for found, value in _cookies(event) if found == name), None)


def cookie_kinds(event: Event) -> list[str]:
    """The kinds of the cookies that the browser sent, in its order."""
    prefix = cookie_name(event, "")
    return [name.removeprefix(prefix) for name, _ in _cookies(event) if name.startswith(prefix)]


def _cookies(event: Event) -> list[tuple[str, str]]:
    pairs = [str(each).strip().partition("=") for each in event.get("cookies") or []]
    return [(name, value) for name, _, value in pairs]


def set_cookie(event: Event, kind: str, value: str, max_age_seconds: int) -> str:
    """A Set-Cookie value; an age of 0 removes the cookie.

    SameSite=Lax, because the provider's page leads back here: links from other sites carry the cookie, forms do not.
    """
    secure = "; Secure" if _is_https(event) else ""
    pair = f"{cookie_name(event, kind)}={value}"
    return f"{pair}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}"


def cookie_name(event: Event, kind: str) -> str:
    """With __Host- no other host of the domain can set the cookie; browsers accept the prefix only over https."""
    return f"__Host-{kind}" if _is_https(event) else kind


def _is_https(event: Event) -> bool:
    return site_origin(event).startswith("https:")


@cache
def serializer(kind: str, issuer: str | None) -> Any:
    """Signs cookies of `kind`. The issuer is part of the key: changing the provider ends all sessions."""
    arn = settings().session_secret_arn
    if arn is None:
        raise SettingsError("SESSION_SECRET_ARN is not set: signing in requires it")
    key = secrets.read(arn, "key")["key"]
    if len(key) < MIN_KEY_CHARACTERS:
        raise SecretError(
            f"the key in secret {arn} is too short: it needs at least {MIN_KEY_CHARACTERS} characters"
        )
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    from itsdangerous import URLSafeTimedSerializer

    return URLSafeTimedSerializer(key, salt=f"{kind} {issuer}", signer_kwargs=options)
