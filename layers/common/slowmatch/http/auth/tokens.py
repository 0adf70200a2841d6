"""Verifies the OpenID provider's tokens: signature, algorithm, issuer, audience, times."""

from typing import Any

import jwt

from slowmatch.http.auth.oidc import ALGORITHM, provider
from slowmatch.http.validation import SIGNED_TEXT
from slowmatch.settings import settings

LEEWAY_SECONDS = 30


class TokenError(Exception):
    """The token proves nothing; the message says why."""


def verify_access_token(token: str) -> dict[str, Any]:
    """The claims of an API client's access token. Raise TokenError, and Problem 503 without the provider's keys.

    An ID token proves to the console who signed in and is no credential for the API. In Cognito's tokens `token_use`
    tells the two apart. Other providers' access tokens need an audience other than the client, because the client
    is always the audience of an ID token (https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
    """
    claims, wanted, client_id = _verify(token), settings().oidc_audience, provider().client_id
    if "token_use" in claims:  # Cognito's access tokens name their client instead of an audience
        if claims["token_use"] != "access":
            raise TokenError(
                "it is not an access token (token_use); send the access token instead of the ID token"
            )
        if claims.get("client_id") != (wanted or client_id):
            raise TokenError("it was issued to another client (client_id)")
        return claims
    audiences = _as_list(claims.get("aud"))
    if wanted in (None, client_id):
        raise TokenError(
            "this API accepts no bearer tokens until an administrator sets OidcAudience to an audience other than"
            " the client id of the console; see docs/security.md"
        )
    if client_id in audiences:
        raise TokenError("it is an ID token: its audience (aud) is the console; send an access token")
    if wanted not in audiences:
        raise TokenError("it was issued for another audience (aud)")
    return claims


def verify_id_token(token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token for the sign-in with this nonce. Raise as `verify_access_token`.

    https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    """
    claims, client_id = _verify(token), provider().client_id
    if client_id not in _as_list(claims.get("aud")) or claims.get("azp", client_id) != client_id:
        raise TokenError("it was issued for another audience (aud)")
    if claims.get("nonce") != nonce:
        raise TokenError("it belongs to another sign-in (nonce)")
    return claims


def _verify(token: str) -> dict[str, Any]:
    if not SIGNED_TEXT.fullmatch(token):
        raise TokenError("it is not a signed token (JWT)")
    issuer = provider().issuer
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(token),
            algorithms=[ALGORITHM],
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "sub"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenError("it has expired") from error
    except jwt.InvalidIssuerError as error:
        raise TokenError(f"its issuer is not {issuer}") from error
    except jwt.InvalidSignatureError as error:
        raise TokenError("its signature is wrong") from error
    except jwt.MissingRequiredClaimError as error:
        raise TokenError(f"it has no {error.claim}") from error
    except jwt.PyJWTError as error:
        raise TokenError("it is malformed, or not valid yet") from error
    return claims


def _key(token: str) -> Any:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenError("it is not a signed token (JWT)") from error
    if header.get("alg") != ALGORITHM:
        raise TokenError(f"its algorithm is not {ALGORITHM}")
    kid = header.get("kid")
    key = provider().key(kid) if isinstance(kid, str) else None
    if key is None:
        raise TokenError("it is signed with a key that the provider does not publish")
    return key


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
