"""Decides who may call a route: nobody, unless this module lets them in.

A route requires VIEWER for GET and HEAD and ADMIN for other methods, unless its function is marked `@allow(role)`
or `@public`. A route that nobody thought about is therefore closed.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from slowmatch.http.auth.csrf import SAFE_METHODS, cross_site_reason
from slowmatch.http.auth.roles import ANONYMOUS, LOCAL_USER, Identity, Role, TooManyGroups, identity_of_claims
from slowmatch.http.errors import Problem
from slowmatch.http.request import Event, header, headers, host_name, method
from slowmatch.settings import is_loopback, settings
from slowmatch.telemetry import logger

CHALLENGE = 'Bearer realm="slowmatch"'
NOT_FOUND_PATTERN = "^.*$"
"""The rule of the route that Powertools makes up to answer 404."""
MAX_LOGGED_CHARACTERS = 200
_ROLE_ATTRIBUTE = "slowmatch_role"

F = TypeVar("F", bound=Callable[..., Any])


def allow(role: Role | None) -> Callable[[F], F]:
    """Mark a route's function: calling it requires `role`, or nothing for None."""

    def mark(function: F) -> F:
        setattr(function, _ROLE_ATTRIBUTE, role)
        return function

    return mark


public = allow(None)


def required_role(route: Any) -> Role | None:
    """The role that a route of Powertools requires; None for a public one."""
    reads = route.method in SAFE_METHODS or route.rule.pattern == NOT_FOUND_PATTERN
    role: Role | None = getattr(route.func, _ROLE_ATTRIBUTE, Role.VIEWER if reads else Role.ADMIN)
    return role


def authorize(app: Any) -> None:
    """Let a request to a JSON API in and put its identity into the context. Raise Problem 401, 403 or 503."""
    event, role = app.current_event.raw_event, required_role(app.context["_route"])
    check_origin(event, require_origin=False)
    app.context["identity"] = ANONYMOUS if role is None else check_role(event, _caller(event), role)


def identity(router: Any) -> Identity:
    """The sender of the request that `router` is answering."""
    found: Identity = router.context["identity"]
    return found


def optional_identity(event: Event) -> Identity:
    """The sender of a request to a @public route, by bearer token or session cookie; ANONYMOUS without either.

    Raise Problem 401, 403 or 503 for an invalid token.
    """
    if settings().auth == "local":
        return LOCAL_USER if is_local(event) else ANONYMOUS
    if header(event, "authorization"):
        return _caller(event)
    from slowmatch.http.auth import sessions

    return sessions.find_valid(event) or ANONYMOUS


def require(router: Any, role: Role) -> None:
    """Raise Problem 403 unless the caller has `role`: for a route whose jobs or actions require different roles."""
    check_role(router.current_event.raw_event, identity(router), role)


def check_origin(event: Event, require_origin: bool) -> None:
    """Raise Problem 403 for a request that another site's page made a browser send."""
    reason = cross_site_reason(event, require_origin)
    if reason:
        raise refusal(event, 403, f"the request seems to come from another site: {reason}")


def check_role(event: Event, sender: Identity, role: Role) -> Identity:
    """Raise Problem 403 unless `sender` has `role`."""
    if sender.may(role):
        return sender
    if sender.role is None:
        groups = ", ".join(each.group for each in Role)
        reason = f"you are signed in as {sender.name}, but you are not in any of the groups {groups}"
    else:
        reason = f"this requires the role {role.name.lower()}; {sender.name} has {sender.role.name.lower()}"
    raise refusal(event, 403, reason, sender)


def local_user(event: Event) -> Identity:
    """The identity under AUTH=local. Raise Problem 403 for a request that was not sent on this machine."""
    if not is_local(event):
        raise refusal(event, 403, "AUTH=local accepts only requests from this machine to a loopback address")
    return LOCAL_USER


def is_local(event: Event) -> bool:
    """Whether a request was sent on this machine to this machine, without a proxy that reports another sender."""
    context, given = event["requestContext"], headers(event)
    hosts = [
        host_name(str(context.get("domainName") or "")),
        host_name(given.get("host") or "localhost"),
        str(context["http"].get("sourceIp") or ""),
    ]
    if given.get("x-forwarded-for"):
        hosts += [part.strip() for part in given["x-forwarded-for"].split(",")]
    return all(map(is_loopback, hosts)) and not given.get("forwarded")


def refusal(event: Event, status: int, reason: str, sender: Identity | None = None) -> Problem:
    """The problem to raise for a refused request. Logs the refusal, without cookies and tokens."""
    logger.warning(
        "request refused",
        status=status,
        reason=reason,
        method=method(event),
        path=str(event.get("rawPath"))[:MAX_LOGGED_CHARACTERS],
        source_ip=event["requestContext"]["http"].get("sourceIp"),
        who=sender.name if sender else None,
    )
    if status == 401:
        return Problem(401, "Not signed in", reason, headers={"WWW-Authenticate": CHALLENGE})
    return Problem(403, "Not allowed", reason)


def _caller(event: Event) -> Identity:
    if settings().auth == "local":
        return local_user(event)
    from slowmatch.http.auth import tokens  # PyJWT and cryptography take a third of an API's start

    scheme, _, token = header(event, "authorization").strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refusal(event, 401, "send a token from the sign-in provider: Authorization: Bearer ...")
    try:
        return identity_of_claims(tokens.verify_access_token(token.strip()))
    except tokens.TokenError as error:
        raise refusal(event, 401, f"the bearer token was rejected: {error}") from error
    except TooManyGroups as error:
        raise refusal(event, 403, str(error)) from error
