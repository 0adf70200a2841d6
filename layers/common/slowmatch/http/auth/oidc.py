"""The OpenID provider: where it is asked what, the keys it signs with, codes for tokens."""

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode

from slowmatch.aws import secrets
from slowmatch.http.problem import Problem
from slowmatch.settings import SettingsError, is_trustworthy, settings
from slowmatch.telemetry import logger

TIMEOUT_SECONDS = 5
ANSWER_MAX = 1_000_000
UNKNOWN_KEY_SECONDS = 60  # so often at most keys are fetched because a token names one that is not known
KEYS_SECONDS = 3600  # after so long a key that the provider withdrew is trusted no more
RETRY_AFTER_SECONDS = 5


class Refusal(Exception):
    """The provider answered with an error; the message is its own."""


@dataclass
class Provider:
    issuer: str
    client_id: str
    client_secret: str | None
    _metadata: dict[str, Any] | None = None
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched: float | None = None

    def endpoint(self, name: str) -> str | None:
        """An address out of the discovery document. Raises Problem 503."""
        url = self._discovered().get(name)
        if url is not None and not (isinstance(url, str) and is_trustworthy(url)):
            raise SettingsError(f"the provider's {name} {url!r} is not an https address")
        return url

    def required(self, name: str) -> str:
        url = self.endpoint(name)
        if url is None:
            raise SettingsError(f"the provider {self.issuer} has no {name}")
        return url

    def key(self, kid: str) -> Any:
        """The public key of that name, None when the provider has none. Raises Problem 503."""
        age = None if self._fetched is None else monotonic() - self._fetched
        if age is None or age > KEYS_SECONDS or (kid not in self._keys and age > UNKNOWN_KEY_SECONDS):
            self._keys = _usable(_json(self.required("jwks_uri")))
            self._fetched = monotonic()
        return self._keys.get(kid)

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """The tokens for an authorization code. Raises Refusal and Problem 503."""
        fields, headers = self._client()
        form = fields | {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        return _json(self.required("token_endpoint"), urlencode(form).encode(), headers)

    def _client(self) -> tuple[dict[str, str], dict[str, str]]:
        """Which client asks: form fields or headers, as the provider takes it."""
        takes = self._discovered().get("token_endpoint_auth_methods_supported") or ()
        if self.client_secret is None:
            return {"client_id": self.client_id}, {}
        if "client_secret_post" in takes:
            return {"client_id": self.client_id, "client_secret": self.client_secret}, {}
        pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _discovered(self) -> dict[str, Any]:
        if self._metadata is None:
            found = _json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise SettingsError(
                    f"OIDC_ISSUER is {self.issuer!r}, and the provider says {found.get('issuer')!r}"
                )
            self._metadata = found
        return self._metadata


@cache
def provider() -> Provider:
    """The provider of this process's settings. Raises SettingsError and SecretError."""
    chosen = settings()
    if chosen.oidc_issuer is None or chosen.oidc_secret_arn is None:
        raise SettingsError("OIDC_ISSUER and OIDC_SECRET_ARN are not set: they are needed to sign people in")
    secret = secrets.read(chosen.oidc_secret_arn, "client_id")
    return Provider(chosen.oidc_issuer, secret["client_id"], secret.get("client_secret") or None)


def _usable(document: dict[str, Any]) -> dict[str, Any]:
    """Those that sign with RSA, by name; a key of another kind is no reason to refuse the others."""
    import jwt

    found = {}
    for key in document.get("keys") or []:
        if (
            isinstance(key, dict)
            and key.get("kty") == "RSA"
            and key.get("use", "sig") == "sig"
            and key.get("kid")
        ):
            try:
                found[str(key["kid"])] = jwt.PyJWK(key, algorithm="RS256").key
            except jwt.PyJWTError as error:
                logger.warning("a key of the sign-in provider is not usable", reason=str(error))
    return found


def _json(url: str, form: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The answer's JSON object; only addresses that were checked come here."""
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    request = urllib.request.Request(url, form, {"Accept": "application/json", **(headers or {})})  # noqa: S310
    try:
        with _opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
            found = json.loads(answer.read(ANSWER_MAX))
    except urllib.error.HTTPError as error:
        with error:
            if form is not None and 400 <= error.code < 500:
                raise Refusal(_reason(error)) from error
            raise _unreachable(url, f"status {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, str(error)) from error
    if not isinstance(found, dict):
        raise _unreachable(url, "its answer is not a JSON object")
    return found


@cache
def _opener() -> Any:
    """Follows no redirect: it would lead to an address that nobody checked."""
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    return urllib.request.build_opener(Stay)


def _reason(error: Any) -> str:
    from http.client import HTTPException

    try:
        answer = json.loads(error.read(ANSWER_MAX))
        return str(answer.get("error_description") or answer["error"])[:300]
    except (OSError, HTTPException, ValueError, KeyError, AttributeError):
        return f"status {error.code}"


def _unreachable(url: str, reason: str) -> Problem:
    logger.error("the sign-in provider cannot be reached", url=url, reason=reason)
    return Problem(
        503,
        "Service unavailable",
        "the sign-in provider cannot be reached now; try again later",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
