"""The OpenID provider: its discovery document, its signing keys, the exchange of a code for tokens."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from slowmatch.aws import secrets
from slowmatch.http.errors import Problem
from slowmatch.settings import SettingsError, is_trustworthy, settings
from slowmatch.telemetry import logger

ALGORITHM = "RS256"  # pinned: a token does not choose how it is verified
TIMEOUT_SECONDS = 5
MAX_RESPONSE_BYTES = 1_000_000
MAX_MESSAGE_CHARACTERS = 300
MAX_KEY_AGE_SECONDS = 3600  # then a key that the provider withdrew is no longer trusted
MIN_REFETCH_SECONDS = 60  # between two fetches for tokens that name an unknown key


class ProviderError(Exception):
    """The provider answered with an error; the message is the provider's."""


@dataclass
class Provider:
    issuer: str
    client_id: str
    client_secret: str | None
    _metadata: dict[str, Any] | None = None
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched: float | None = None

    def endpoint(self, name: str) -> str:
        """An address in the discovery document. Raise SettingsError unless it is there and https, and Problem 503."""
        url = self._discover().get(name)
        if url is None:
            raise SettingsError(f"the provider {self.issuer} has no {name}")
        if not (isinstance(url, str) and is_trustworthy(url)):
            raise SettingsError(f"the provider's {name} {url!r} is not an https address")
        return url

    def key(self, kid: str) -> Any:
        """The public key with this id, None if the provider does not publish it. Raise Problem 503."""
        age = None if self._fetched is None else monotonic() - self._fetched
        if age is None or age > MAX_KEY_AGE_SECONDS or (kid not in self._keys and age > MIN_REFETCH_SECONDS):
            self._keys = signing_keys(_fetch_json(self.endpoint("jwks_uri")))
            self._fetched = monotonic()
        return self._keys.get(kid)

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """The tokens for an authorization code. Raise ProviderError and Problem 503."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        methods = self._discover().get("token_endpoint_auth_methods_supported") or ()
        if self.client_secret is None:
            form |= {"client_id": self.client_id}
        elif "client_secret_post" in methods:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            pair = ":".join(
                quote(part, safe="", errors="replace") for part in (self.client_id, self.client_secret)
            )
            headers |= {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        try:
            return _fetch_json(
                self.endpoint("token_endpoint"), urlencode(form, errors="replace").encode(), headers
            )
        except ProviderError as error:
            message = _without(str(error), self.client_secret, code, verifier)
            raise ProviderError(message[:MAX_MESSAGE_CHARACTERS]) from None

    def _discover(self) -> dict[str, Any]:
        if self._metadata is None:
            found = _fetch_json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise SettingsError(
                    f"OIDC_ISSUER is {self.issuer!r}, but the provider's document says {found.get('issuer')!r}"
                )
            self._metadata = found
        return self._metadata


@cache
def provider() -> Provider:
    """The provider in the settings. Raise SettingsError and SecretError."""
    chosen = settings()
    if chosen.oidc_issuer is None or chosen.oidc_secret_arn is None:
        raise SettingsError("OIDC_ISSUER and OIDC_SECRET_ARN are not set: signing in requires them")
    secret = secrets.read(chosen.oidc_secret_arn, "client_id")
    return Provider(chosen.oidc_issuer, secret["client_id"], secret.get("client_secret") or None)


def signing_keys(document: dict[str, Any]) -> dict[str, Any]:
    """The RSA keys of a JWKS document by id. Keys of other kinds are skipped, malformed ones logged."""
    found = {}
    for key in document.get("keys") or []:
        is_signing = isinstance(key, dict) and key.get("kty") == "RSA" and key.get("use", "sig") == "sig"
        if is_signing and key.get("kid"):
            try:
                found[str(key["kid"])] = jwt.PyJWK(key, algorithm=ALGORITHM).key
            except jwt.PyJWTError as error:
                logger.warning("a key published by the sign-in provider cannot be used", reason=str(error))
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would lead to an address that nobody checked."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _fetch_json(url: str, form: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an https address, for which the caller vouches. `form` makes it a POST."""
    request = urllib.request.Request(url, form, {"Accept": "application/json", **(headers or {})})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as response:
            found = json.loads(response.read(MAX_RESPONSE_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            if form is not None and 400 <= error.code < 500:
                raise ProviderError(_error_message(error)) from None
            raise _unreachable(url, f"status {error.code}") from None
    except OSError as error:
        raise _unreachable(url, str(error)) from None
    except (
        HTTPException,
        ValueError,
    ) as error:  # their text can quote the request, and so the client's secret
        reason = f"its response is not HTTP with JSON: {type(error).__name__}"
        raise _unreachable(url, reason) from None
    if not isinstance(found, dict):
        raise _unreachable(url, "its response is not a JSON object")
    return found


def _error_message(error: Any) -> str:
    try:
        answer = json.loads(error.read(MAX_RESPONSE_BYTES))
        return str(answer.get("error_description") or answer["error"])
    except (OSError, HTTPException, ValueError, KeyError, AttributeError):
        return f"status {error.code}"


def _without(message: str, *secrets: str | None) -> str:
    """The provider's message without what it was sent in confidence, in case it repeats that."""
    for secret in filter(None, secrets):
        for form in (secret, quote(secret, safe="", errors="replace")):
            message = message.replace(form, "...")
    return message


def _unreachable(url: str, reason: str) -> Problem:
    logger.error("the sign-in provider cannot be reached", url=url, reason=reason)
    return Problem.unavailable("the sign-in provider cannot be reached at the moment; try again later")
