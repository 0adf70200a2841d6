"""Who may see which page, and do what: nobody, unless this module lets them in."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.pages.sign_in import address
from console.web import render
from console.web.request import NO_ONE, Request, here
from slowmatch.http import errors
from slowmatch.http.auth import authentication, sessions
from slowmatch.http.auth.csrf import SAFE_METHODS
from slowmatch.http.auth.roles import Identity, Role
from slowmatch.http.errors import Problem
from slowmatch.http.request import method
from slowmatch.settings import settings

_API = errors.handlers({})


def guard(app: Any, next_middleware: Any) -> Any:
    """Middleware of every route: finds out who is asking and checks the role that the route asks for."""
    event, role = app.current_event.raw_event, authentication.required_role(app.context["_route"])
    request = Request(event, NO_ONE)
    app.append_context(request=request)
    if request.path.startswith("/api/"):
        return _no_api(app)
    if role is None:
        authentication.check_origin(event, require_origin=False)
        return next_middleware(app)
    try:
        who = _visitor(event)
    except sessions.InvalidCookie as error:
        authentication.refusal(event, 401, f"the session's cookie is not valid: {error}")
        return _to_sign_in(request)
    if who is None:
        authentication.refusal(event, 401, "there is no session")
        return _to_sign_in(request)
    request = Request(event, who)
    app.append_context(request=request)
    authentication.check_origin(event, require_origin=not who.local)
    try:
        authentication.check_role(event, who, role)
    except Problem as problem:
        return render.page(request, "forbidden.html", problem.status, reason=problem.detail)
    return next_middleware(app)


def require(router: Any, role: Role) -> None:
    """For a route whose jobs or actions need different roles. Raises Problem 403 unless the person has `role`."""
    request = here(router)
    authentication.check_role(request.event, request.identity, role)


def _no_api(app: Any) -> Response[str]:
    """A program that mistyped an address hears it in the API's words, and is not led to a sign-in."""
    try:
        authentication.authorize(app)
    except Problem as refusal:
        return _API[Problem](refusal)
    return _API[NotFoundError](NotFoundError())


def _visitor(event: dict[str, Any]) -> Identity | None:
    return authentication.local_user(event) if settings().auth == "local" else sessions.find(event)


def _to_sign_in(request: Request) -> Response[str]:
    """A script or a form must not be led to the provider's page: they get a page that has the link."""
    looks = method(request.event) in SAFE_METHODS
    where = address(request.address)
    script = request.header("hx-request") or request.header("sec-fetch-mode") not in ("", "navigate")
    if script or not looks:
        answer = render.page(request, "signed_out.html", 401, provider=None)
        # What was typed into a form stays on the screen, to be sent again after signing in in another tab.
        answer.headers |= {"HX-Redirect": where} if looks else {"HX-Reswap": "none", "HX-Push-Url": "false"}
        return answer
    return render.redirect(where)
