"""Who a verified token speaks of: its claims as an identity."""

from collections.abc import Mapping
from typing import Any

from slowmatch.http.auth.identity import Identity, Role
from slowmatch.settings import Settings, settings
from slowmatch.telemetry import logger

NAME_MAX = 200
_NAMES = ("email", "preferred_username", "cognito:username", "username", "name", "client_id", "sub")


class TooManyGroups(Exception):
    """The provider sent a link in place of the list of groups, as Microsoft Entra ID does above 200 of them."""


def identity(claims: Mapping[str, Any]) -> Identity:
    """The person by the first name that the token has; the highest role of the groups in it.

    Raises TooManyGroups. Groups that are missing or not readable are logged and count as none.
    """
    chosen, name = settings(), _name(claims)
    value = _claim(claims, chosen.oidc_groups_claim)
    if value is None and _is_linked(claims, chosen.oidc_groups_claim):
        raise TooManyGroups(
            f"the account {name} is in more groups than the sign-in provider lists in a token, so its role is"
            " unknown. An administrator has to switch from groups to app roles; docs/security.md says how"
        )
    return Identity(name, str(claims["sub"]), _role(_groups(value, claims), chosen))


def _name(claims: Mapping[str, Any]) -> str:
    """An address that its provider calls unverified is anybody's to choose, so it names nobody."""
    for claim in _NAMES:
        value = claims.get(claim)
        if claim == "email" and claims.get("email_verified") in (False, "false"):
            continue
        if isinstance(value, str) and (text := _printable(value)):
            return text
    return _printable(str(claims["sub"]))


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:NAME_MAX]


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """`realm_access.roles` is a claim of that name, or else a member of a member."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _is_linked(claims: Mapping[str, Any], name: str) -> bool:
    """Whether the claim is to be fetched from elsewhere (OpenID Connect Core 5.6.2).

    Entra ID's implicit flow says `hasgroups` instead.
    """
    elsewhere = claims.get("_claim_names")
    return (isinstance(elsewhere, Mapping) and name in elsewhere) or (
        name == "groups" and claims.get("hasgroups") in (True, "true")
    )


def _groups(value: Any, claims: Mapping[str, Any]) -> set[str]:
    """The items of a list, or the words of a text."""
    if isinstance(value, str):
        return set(value.replace(",", " ").split())
    items = value if isinstance(value, list) else [value]
    groups = {item for item in items if isinstance(item, str)}
    if not all(isinstance(item, str) for item in items):
        logger.warning(
            "the groups in a token cannot be read",
            reason="the claim is missing" if value is None else "the claim is not a list of texts",
            claim=settings().oidc_groups_claim,
            token_has=sorted(claims),
            subject=claims["sub"],
        )
    return groups


def _role(groups: set[str], chosen: Settings) -> Role | None:
    for role, group in (
        (Role.ADMIN, chosen.admin_group),
        (Role.OPERATOR, chosen.operator_group),
        (Role.VIEWER, chosen.viewer_group),
    ):
        if group in groups:
            return role
    return None
