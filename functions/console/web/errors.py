"""Errors as pages, from the same table as the problems of the JSON APIs."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.web import render
from console.web.assets import AssetsMissing
from console.web.request import current_request
from slowmatch.http.errors import PROBLEMS, Problem
from slowmatch.http.request import method
from slowmatch.jobs import UnknownJob
from slowmatch.jobs.lifecycle.pause import NoSchedule

PAGE_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    **PROBLEMS,
    NotFoundError: lambda _: Problem(404, "Not found", "there is no page at this address"),
    UnknownJob: lambda error: Problem(404, "Not found", str(error)),
    NoSchedule: lambda error: Problem(409, "Nothing to pause", str(error)),
}


def install(app: APIGatewayHttpResolver) -> None:
    """Make `app` answer every exception with a page that says what is wrong and what to do."""
    for exception, problem_of in PAGE_PROBLEMS.items():
        app.exception_handler(exception)(partial(_respond, problem_of))
    app.not_found(_no_page)


def _no_page(error: NotFoundError) -> render.Page:
    """Redirect an address with a slash at the end to the page without it; 404 for all others."""
    request = current_request()
    if request.path.endswith("/") and method(request.event) == "GET":
        return render.redirect(f"/{quote(request.path.strip('/'))}")
    return _respond(PAGE_PROBLEMS[NotFoundError], error)


def _respond(problem_of: Callable[[Any], Problem], error: Exception) -> render.Page:
    problem = problem_of(error)
    try:
        page = render.page("error.html", problem.status, problem=problem)
    except AssetsMissing as missing:
        return Response(503, "text/plain; charset=utf-8", f"{missing}\n")
    page.headers.update(problem.headers)
    return page
