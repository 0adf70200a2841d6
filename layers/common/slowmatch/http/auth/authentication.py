"""May they: a request is refused unless this module lets it in.

A route asks for VIEWER to look and for ADMIN to do anything else, unless its function is marked `@allow(role)`
or `@public`. So a route that somebody forgets to think about is closed, not open.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from slowmatch.http.auth.csrf import SAFE_METHODS, Event, foreign, header, is_local, method
from slowmatch.http.auth.identity import Identity, Role
from slowmatch.http.problem import Problem
from slowmatch.settings import settings
from slowmatch.telemetry import logger

CHALLENGE = 'Bearer realm="slowmatch"'
NOWHERE = "^.*$"  # the rule of the route that Powertools makes up to answer 404
THIS_MACHINE = Identity("you (this machine)", "local", Role.ADMIN, local=True)
ANYBODY = Identity("", "", None)
_MARK = "slowmatch_role"
_SHOWN = 200

F = TypeVar("F", bound=Callable[..., Any])


def allow(role: Role) -> Callable[[F], F]:
    """Mark a route's function: whoever has `role` may call it."""

    def mark(function: F) -> F:
        setattr(function, _MARK, role)
        return function

    return mark


def public(function: F) -> F:
    """Mark a route's function: everybody may call it."""
    setattr(function, _MARK, None)
    return function


def needed(route: Any) -> Role | None:
    """The role that a route of Powertools asks for; None for one that is open to everybody."""
    looks = route.method in SAFE_METHODS or route.rule.pattern == NOWHERE
    role: Role | None = getattr(route.func, _MARK, Role.VIEWER if looks else Role.ADMIN)
    return role


def admit(app: Any) -> None:
    """Let a request of the JSON API in, or raise Problem 401, 403 or 503. The identity goes into the context."""
    event, role = app.current_event.raw_event, needed(app.context["_route"])
    check_origin(event, must_say=False)
    who = ANYBODY
    if role is not None:
        who = check_role(event, _caller(event), role)
    app.context["identity"] = who


def identity(router: Any) -> Identity:
    """Whom the request that `router` is answering comes from."""
    found: Identity = router.context["identity"]
    return found


def visitor(event: Event) -> Identity:
    """For a @public route that tells more to those who may look: who is asking, ANYBODY without an identity.

    A session's cookie counts here as a bearer token does. Raises Problem 401, 403 or 503 for a wrong token.
    """
    if settings().auth == "local":
        return THIS_MACHINE if is_local(event) else ANYBODY
    if header(event, "authorization"):
        return _caller(event)
    from slowmatch.http.auth import sessions

    return sessions.current(event) or ANYBODY


def require(router: Any, role: Role) -> None:
    """For a route whose jobs or actions need different roles. Raises Problem 403 unless the caller has `role`."""
    check_role(router.current_event.raw_event, identity(router), role)


def check_origin(event: Event, must_say: bool) -> None:
    """Raise Problem 403 for what another site's page makes a visitor's browser send."""
    reason = foreign(event, must_say)
    if reason:
        raise refused(event, 403, f"the request seems to come from another site: {reason}")


def check_role(event: Event, who: Identity, role: Role) -> Identity:
    """Raise Problem 403 unless `who` has `role`."""
    if who.role is None:
        groups = ", ".join(_group(each) for each in Role)
        raise refused(
            event, 403, f"you are signed in as {who.name}, but are in none of the groups {groups}", who
        )
    if not who.may(role):
        has = who.role.name.lower()
        raise refused(event, 403, f"this needs the role {role.name.lower()}, and {who.name} has {has}", who)
    return who


def on_this_machine(event: Event) -> Identity:
    """Under AUTH=local. Raise Problem 403 for a request that was not sent on this machine."""
    if not is_local(event):
        raise refused(
            event, 403, "AUTH=local lets in who is on this machine, at a loopback address, nobody else"
        )
    return THIS_MACHINE


def refused(event: Event, status: int, reason: str, who: Identity | None = None) -> Problem:
    """The problem to raise. It is logged, without anything that signs somebody in."""
    context = event["requestContext"]
    logger.warning(
        "request refused",
        status=status,
        reason=reason,
        method=method(event),
        path=str(event.get("rawPath"))[:_SHOWN],
        source_ip=context["http"].get("sourceIp"),
        who=who.name if who else None,
    )
    if status == 401:
        return Problem(401, "Not signed in", reason, headers={"WWW-Authenticate": CHALLENGE})
    return Problem(403, "Not allowed", reason)


def _caller(event: Event) -> Identity:
    if settings().auth == "local":
        return on_this_machine(event)
    from slowmatch.http.auth import roles, tokens

    scheme, _, token = header(event, "authorization").strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refused(event, 401, "send a token of the sign-in provider: Authorization: Bearer ...")
    try:
        return roles.identity(tokens.verify(token.strip()))
    except tokens.TokenError as error:
        raise refused(event, 401, f"the bearer token is refused: {error}") from error
    except roles.TooManyGroups as error:
        raise refused(event, 403, str(error)) from error


def _group(role: Role) -> str:
    return str(getattr(settings(), f"{role.name.lower()}_group"))
