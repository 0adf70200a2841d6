"""Tokens of the OpenID provider, verified: signature, algorithm, issuer, audience, times."""

from typing import Any

from slowmatch.http.auth.oidc import provider
from slowmatch.http.texts import SIGNED
from slowmatch.settings import settings

ALGORITHM = "RS256"  # pinned: a token does not choose how it is checked
LEEWAY_SECONDS = 30


class TokenError(Exception):
    """A token that proves nothing; the message says in words why."""


def verify(token: str) -> dict[str, Any]:
    """The claims of an API client's access token. Raises TokenError, and Problem 503 without the provider's keys.

    An ID token proves to the console who signed in and is no credential for the API. Cognito says in `token_use`
    which one a token is. Other providers' access tokens are told by an audience of their own: an ID token is
    always meant for the client (https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
    """
    claims = _verified(token)
    if "token_use" in claims:
        _check_cognito(claims)
    else:
        _check_audience(_list(claims.get("aud")))
    return claims


def _check_cognito(claims: dict[str, Any]) -> None:
    """Cognito's access tokens have no audience; they name the client that they were made for."""
    if claims["token_use"] != "access":
        raise TokenError(
            "it is not an access token (token_use); send the access token instead of the ID token"
        )
    if claims.get("client_id") != (settings().oidc_audience or provider().client_id):
        raise TokenError("it is meant for somebody else (client_id)")


def _check_audience(audiences: list[Any]) -> None:
    wanted, client_id = settings().oidc_audience, provider().client_id
    if wanted in (None, client_id):
        raise TokenError(
            "this API accepts no bearer token until an administrator sets OidcAudience to an audience of its own,"
            " other than the client id of the console; docs/security.md says how"
        )
    if client_id in audiences:
        raise TokenError("it is an ID token: its audience (aud) is the console; send an access token")
    if wanted not in audiences:
        raise TokenError("it is meant for somebody else (aud)")


def verify_identity(token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that answers a sign-in with this nonce. Raises as `verify`.

    https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    """
    claims, client_id = _verified(token), provider().client_id
    if client_id not in _list(claims.get("aud")) or claims.get("azp", client_id) != client_id:
        raise TokenError("it is meant for somebody else (aud)")
    if claims.get("nonce") != nonce:
        raise TokenError("it answers another sign-in (nonce)")
    return claims


def _verified(token: str) -> dict[str, Any]:
    import jwt

    if not SIGNED.fullmatch(token):
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
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenError("it is not a signed token (JWT)") from error
    if header.get("alg") != ALGORITHM:
        raise TokenError(f"its algorithm is not {ALGORITHM}")
    kid = header.get("kid")
    key = provider().key(kid) if isinstance(kid, str) else None
    if key is None:
        raise TokenError("it is signed with a key that the provider does not have")
    return key


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
