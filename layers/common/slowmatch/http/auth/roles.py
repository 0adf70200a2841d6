"""Roles: the identity and role that a token's claims give a person, and the role that a job requires."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from slowmatch.settings import settings
from slowmatch.telemetry import logger

MAX_NAME_CHARACTERS = 200
_NAME_CLAIMS = ("email", "preferred_username", "cognito:username", "username", "name", "client_id", "sub")


class Role(IntEnum):
    """Viewers read; operators also trigger and edit; admins also delete and act in bulk."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def group(self) -> str:
        """The provider's group whose members have this role."""
        return str(getattr(settings(), f"{self.name.lower()}_group"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or program that is signed in. `role` is None for a member of none of the groups."""

    name: str
    subject: str
    role: Role | None
    local: bool = False

    def may(self, role: Role) -> bool:
        return self.role is not None and self.role >= role


ANONYMOUS = Identity("", "", None)
LOCAL_USER = Identity("you (this machine)", "local", Role.ADMIN, local=True)


class TooManyGroups(Exception):
    """The provider sent a link instead of the list of groups, as Microsoft Entra ID does above 200 groups."""


def job_role(job: str) -> Role:
    """The role that starting `job` or its runs requires; OPERATOR for a job that is no longer in the catalog."""
    from slowmatch.jobs.catalog import JOBS  # records_api starts without the jobs

    found = JOBS.get(job)
    return Role[found.role.upper()] if found else Role.OPERATOR


def identity_of_claims(claims: Mapping[str, Any]) -> Identity:
    """The identity in a verified token's claims: the first name they have, the highest role of their groups.

    Raise TooManyGroups. Groups that are missing or malformed are logged and give no role.
    """
    name, groups_claim = _name(claims), settings().oidc_groups_claim
    value = _claim(claims, groups_claim)
    if value is None and _is_linked(claims, groups_claim):
        raise TooManyGroups(
            f"the account {name} is in more groups than the sign-in provider includes in a token, so its role is"
            " unknown. An administrator has to switch from groups to app roles; see docs/security.md"
        )
    groups = _groups(value, claims)
    return Identity(
        name, str(claims["sub"]), max((role for role in Role if role.group in groups), default=None)
    )


def _name(claims: Mapping[str, Any]) -> str:
    """The person's name. An email address that is not verified is skipped: anybody could have chosen it."""
    for claim in _NAME_CLAIMS:
        value = claims.get(claim)
        if claim == "email" and claims.get("email_verified") in (False, "false"):
            continue
        if isinstance(value, str) and (text := _printable(value)):
            return text
    return _printable(str(claims["sub"]))


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:MAX_NAME_CHARACTERS]


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that name; failing that, the nested one: `realm_access.roles` is `roles` in `realm_access`."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _is_linked(claims: Mapping[str, Any], name: str) -> bool:
    """Whether the claim has to be fetched from elsewhere (OpenID Connect Core 5.6.2).

    Entra ID's implicit flow sets `hasgroups` instead.
    """
    links = claims.get("_claim_names")
    return (isinstance(links, Mapping) and name in links) or (
        name == "groups" and claims.get("hasgroups") in (True, "true")
    )


def _groups(value: Any, claims: Mapping[str, Any]) -> set[str]:
    """The strings in a list, or the words of a string."""
    if isinstance(value, str):
        return set(value.replace(",", " ").split())
    items = value if isinstance(value, list) else [value]
    groups = {item for item in items if isinstance(item, str)}
    if not all(isinstance(item, str) for item in items):
        logger.warning(
            "the groups in a token cannot be read",
            reason="the claim is missing" if value is None else "the claim is not a list of strings",
            claim=settings().oidc_groups_claim,
            token_has=sorted(claims),
            subject=claims["sub"],
        )
    return groups
