"""Signed cookies: who is signed in on this browser, and sign-ins that are under way.

They are signed, not encrypted: what is in them is nothing that the person may not know.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.http.auth.csrf import Event, origin
from slowmatch.http.auth.identity import Identity, Role
from slowmatch.http.texts import SIGNED
from slowmatch.settings import SettingsError, settings

SESSION = "session"
SIGN_IN = "sign-in"
KEY_MIN = 32


class BadCookie(Exception):
    """A cookie that is not, or not any more, one of ours; the message says in words why."""


def issue(who: Identity) -> str:
    """The value of a session's cookie."""
    return write(SESSION, {"name": who.name, "subject": who.subject, "role": who.role and int(who.role)})


def find(event: Event) -> Identity | None:
    """Who is signed in; None without a session's cookie. Raises BadCookie."""
    value = cookie(event, SESSION)
    if value is None:
        return None
    found = read(SESSION, value, settings().session_hours * 3600)
    return Identity(found["name"], found["subject"], Role(found["role"]) if found["role"] else None)


def current(event: Event) -> Identity | None:
    """Who is signed in; None also for a cookie that is not valid."""
    try:
        return find(event)
    except BadCookie:
        return None


def write(kind: str, values: Mapping[str, Any]) -> str:
    text: str | bytes = serializer(kind, settings().oidc_issuer).dumps(dict(values))
    return text if isinstance(text, str) else text.decode()


def read(kind: str, value: str, seconds: int) -> dict[str, Any]:
    """What `write` put in at most `seconds` ago. Raises BadCookie."""
    from itsdangerous import BadData, SignatureExpired

    if not SIGNED.fullmatch(value):
        raise BadCookie("its signature is wrong")
    try:
        found: dict[str, Any] = serializer(kind, settings().oidc_issuer).loads(value, max_age=seconds)
    except SignatureExpired as error:
        raise BadCookie("it has expired") from error
    except BadData as error:
        raise BadCookie("its signature is wrong") from error
    return found


def cookie(event: Event, kind: str) -> str | None:
    """The value that the browser sent; the first, which has the most specific path, should there be several."""
    name = cookie_name(event, kind)
    return next((value for found, value in _cookies(event) if found == name), None)


def kinds(event: Event) -> list[str]:
    """The kinds of the cookies that the browser sent, in its order."""
    prefix = cookie_name(event, "")
    return [name.removeprefix(prefix) for name, _ in _cookies(event) if name.startswith(prefix)]


def _cookies(event: Event) -> list[tuple[str, str]]:
    pairs = [str(each).strip().partition("=") for each in event.get("cookies") or []]
    return [(name, value) for name, _, value in pairs]


def set_cookie(event: Event, kind: str, value: str, seconds: int) -> str:
    """A Set-Cookie value; 0 `seconds` take the cookie away.

    Lax, since the provider's page leads back here: a link from elsewhere comes with the cookie, a form does not.
    """
    secure = "; Secure" if _encrypted(event) else ""
    pair = f"{cookie_name(event, kind)}={value}"
    return f"{pair}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def cookie_name(event: Event, kind: str) -> str:
    """__Host- lets no other host of the domain set it; browsers take such a cookie over https alone."""
    return f"__Host-{kind}" if _encrypted(event) else kind


def _encrypted(event: Event) -> bool:
    return origin(event).startswith("https:")


@cache
def serializer(kind: str, issuer: str | None) -> Any:
    """Another provider's people are signed in no more: its name is part of the key."""
    from itsdangerous import URLSafeTimedSerializer

    arn = settings().session_secret_arn
    if arn is None:
        raise SettingsError("SESSION_SECRET_ARN is not set: it is needed to sign people in")
    key = secrets.read(arn, "key")["key"]
    if len(key) < KEY_MIN:
        raise SecretError(f"the key in secret {arn} is too short: at least {KEY_MIN} characters are needed")
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(key, salt=f"{kind} {issuer}", signer_kwargs=options)
