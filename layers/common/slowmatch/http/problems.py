"""RFC 9457 problem+json: one table from exception to answer, installed on a resolver.

Client mistakes come back with the field's name and what is allowed; what is our own fault is in faults.py.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypedDict

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from slowmatch.http import auth
from slowmatch.http.faults import FAULTS
from slowmatch.http.guard import Guard
from slowmatch.http.problem import FieldError, Problem
from slowmatch.http.words import field_error

__all__ = ["FieldError", "Problem", "ProblemDetails", "install"]

CONTENT_TYPE = "application/problem+json"


class ProblemDetails(TypedDict):
    """The body of every error, for the OpenAPI document."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError]


def install(app: APIGatewayHttpResolver, statuses: Mapping[type[Exception], int] | None = None) -> None:
    """Make `app` answer every exception with problem+json, and let in only who may, before validation.

    `statuses` adds domain errors: the status of each, the detail is the error's own message.
    """
    answers = dict(ANSWERS)
    for kind, status in (statuses or {}).items():
        answers[kind] = partial(_domain, status)
    for kind, answer in answers.items():
        app.exception_handler(kind)(partial(_respond, answer))
    # Powertools runs its validation before any middleware of ours, so the guard goes in its place.
    app._request_validation_middleware = Guard()  # noqa: SLF001
    app.use([auth.gate])


def _respond(answer: Callable[[Any], Problem], error: Exception) -> Response[str]:
    problem = answer(error)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(problem.status, CONTENT_TYPE, json.dumps(body, ensure_ascii=False), problem.headers)


def _domain(status: int, error: Exception) -> Problem:
    return Problem(status, HTTPStatus(status).phrase, str(error))


def _invalid(error: RequestValidationError) -> Problem:
    return Problem.invalid(_unique([field_error(each) for each in error.errors()]))


def _unique(errors: Sequence[FieldError]) -> list[FieldError]:
    return [error for index, error in enumerate(errors) if error not in errors[:index]]


def _not_found(_error: NotFoundError) -> Problem:
    return Problem(404, "Not found", "there is nothing at this address for this method")


ANSWERS: dict[type[Exception], Callable[[Any], Problem]] = {
    **FAULTS,
    RequestValidationError: _invalid,
    NotFoundError: _not_found,
}
