"""Who a verified token speaks of: its claims as an identity."""

from collections.abc import Mapping
from typing import Any

from slowmatch.http.identity import Identity, Role
from slowmatch.settings import Settings, settings

NAME_MAX = 200
_NAMES = ("email", "preferred_username", "cognito:username", "username", "name", "client_id", "sub")


def identity(claims: Mapping[str, Any]) -> Identity:
    """The person by the first name that the token has; the highest role of the groups in it."""
    chosen = settings()
    return Identity(_name(claims), str(claims["sub"]), _role(_groups(claims, chosen), chosen))


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


def _groups(claims: Mapping[str, Any], chosen: Settings) -> set[str]:
    """The claim's list, or the words of its text. `realm_access.roles` is a member of a member."""
    value: Any = claims.get(chosen.oidc_groups_claim)
    if value is None:
        value = claims
        for part in chosen.oidc_groups_claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return set(value.replace(",", " ").split())
    return {group for group in value if isinstance(group, str)} if isinstance(value, list) else set()


def _role(groups: set[str], chosen: Settings) -> Role | None:
    for role, group in (
        (Role.ADMIN, chosen.admin_group),
        (Role.OPERATOR, chosen.operator_group),
        (Role.VIEWER, chosen.viewer_group),
    ):
        if group in groups:
            return role
    return None
