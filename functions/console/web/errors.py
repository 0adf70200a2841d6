"""Errors as pages, from the same table as the problems of the JSON APIs."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.web import render, time_limit
from console.web.assets import AssetsMissing
from console.web.request import current_request, path_on_this_site
from slowmatch.db import TimedOut
from slowmatch.http.errors import PROBLEMS, Problem
from slowmatch.jobs import UnknownJob
from slowmatch.jobs.lifecycle.pause import NoSchedule
from slowmatch.jobs.schedules.model import NoSuchSchedule, ScheduleConflict
from slowmatch.telemetry import logger


def _too_slow(error: TimedOut) -> Problem:
    logger.error(str(error))
    return Problem(504, "Too slow", time_limit.slow_part(error, current_request()))


PAGE_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    **PROBLEMS,
    NotFoundError: lambda _: Problem(404, "Not found", "there is no page at this address"),
    TimedOut: _too_slow,
    UnknownJob: lambda error: Problem(404, "Not found", str(error)),
    NoSuchSchedule: lambda error: Problem(404, "Not found", str(error)),
    ScheduleConflict: lambda error: Problem(409, "Changed in the meantime", str(error)),
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
    if request.path.endswith("/") and not request.is_action:
        return render.redirect(f"/{quote(request.path.strip('/'))}")
    return _respond(PAGE_PROBLEMS[NotFoundError], error)


def _respond(problem_of: Callable[[Any], Problem], error: Exception) -> render.Page:
    problem, retry = problem_of(error), path_on_this_site(current_request().address)
    try:
        page = render.page("error.html", problem.status, problem=problem, retry=retry)
    except AssetsMissing as missing:
        return Response(503, "text/plain; charset=utf-8", f"{missing}\n")
    page.headers.update(problem.headers)
    return page
