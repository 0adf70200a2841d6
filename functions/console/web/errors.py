"""Errors as pages, from the same table as the JSON APIs' problems."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from console.web import render
from console.web.assets import AssetsMissing
from console.web.request import NO_ONE, Request
from slowmatch.http.errors import PROBLEMS, Problem
from slowmatch.jobs import UnknownJob
from slowmatch.jobs.lifecycle.pause import NoSchedule

PLAIN = "text/plain; charset=utf-8"


def install(app: APIGatewayHttpResolver) -> None:
    """Make `app` answer every exception with a page that says what was wrong and what to do."""
    for kind, answer in ANSWERS.items():
        app.exception_handler(kind)(partial(_respond, app, answer))


def _respond(
    app: APIGatewayHttpResolver, answer: Callable[[Any], Problem], error: Exception
) -> Response[str]:
    problem = answer(error)
    request = app.context.get("request") or Request(app.current_event.raw_event, NO_ONE)
    try:
        page = render.page(request, "error.html", problem.status, problem=problem)
    except AssetsMissing as missing:
        return Response(503, PLAIN, f"{missing}\n")
    page.headers.update(problem.headers)
    return page


def _not_found(_error: NotFoundError) -> Problem:
    return Problem(404, "Not found", "there is no page at this address")


def _unknown_job(error: UnknownJob) -> Problem:
    return Problem(404, "Not found", str(error))


def _no_schedule(error: NoSchedule) -> Problem:
    return Problem(409, "Nothing to pause", str(error))


ANSWERS: dict[type[Exception], Callable[[Any], Problem]] = {
    **PROBLEMS,
    NotFoundError: _not_found,
    UnknownJob: _unknown_job,
    NoSchedule: _no_schedule,
}
