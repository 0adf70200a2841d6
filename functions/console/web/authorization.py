"""Who may open which page. Every route requires a role unless it is marked as public."""

from typing import Any

from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.web import render, time_limit
from console.web.request import Request, current_request, sign_in_address
from slowmatch.http import errors
from slowmatch.http.auth import authentication, sessions
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.settings import settings

_API_ERRORS = errors.handlers({})


def authorize(app: Any, next_middleware: Any) -> Any:
    """Middleware of every route: identify the visitor and check the role that the route requires."""
    event, role = app.current_event.raw_event, authentication.required_role(app.context["_route"])
    request = Request(event)
    app.append_context(request=request)
    if request.path.startswith("/api/"):
        return _no_such_api(app)
    if role is None:
        authentication.check_origin(event, require_origin=False)
        return next_middleware(app)
    reason = "there is no session: sign in"
    try:
        is_local = settings().auth == "local"
        identity = authentication.local_user(event) if is_local else sessions.find(event)
    except sessions.InvalidCookie as error:
        identity, reason = None, f"the session cookie is not valid: {error}"
    if identity is None:
        authentication.refusal(event, 401, reason)
        return _require_sign_in(request)
    request = Request(event, identity)
    app.append_context(request=request)
    authentication.check_origin(event, require_origin=not identity.local)
    try:
        authentication.check_role(event, identity, role)
    except Problem as problem:
        return render.page("forbidden.html", problem.status, reason=problem.detail)
    with time_limit.applied(request):
        return next_middleware(app)


def require_role(role: Role) -> None:
    """Raise Problem 403 unless the visitor has `role`, for a route whose jobs or actions need different roles."""
    request = current_request()
    authentication.check_role(request.event, request.identity, role)


def _no_such_api(app: Any) -> render.Page:
    """A program that mistyped an API address gets the API's 401 or 404, not a page."""
    try:
        authentication.authorize(app)
    except Problem as problem:
        return _API_ERRORS[Problem](problem)
    return _API_ERRORS[NotFoundError](NotFoundError())


def _require_sign_in(request: Request) -> render.Page:
    """Redirect a visitor to the sign-in; a script or a form gets a page with the link instead."""
    address = sign_in_address(request.address)
    is_script = request.header("hx-request") or request.header("sec-fetch-mode") not in ("", "navigate")
    if not request.is_action and not is_script:
        return render.redirect(address)
    page = render.page("signed_out.html", 401, provider=None)
    # A refused form stays on the screen, so that it can be sent again after signing in in another tab.
    page.headers |= (
        {"HX-Reswap": "none", "HX-Push-Url": "false"} if request.is_action else {"HX-Redirect": address}
    )
    return page
