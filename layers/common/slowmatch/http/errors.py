"""RFC 9457 problem+json: one table from exception to answer.

Client mistakes come back with the field's name and what is allowed; what is our own fault is in faults.py.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, TypedDict

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from slowmatch.http.faults import FAULTS
from slowmatch.http.problem import FieldError, Problem

__all__ = ["FieldError", "Problem", "ProblemDetails", "handlers"]

CONTENT_TYPE = "application/problem+json"


class ProblemDetails(TypedDict):
    """The body of every error, for the OpenAPI document."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError]


def handlers(
    statuses: Mapping[type[Exception], int],
) -> dict[type[Exception], Callable[[Any], Response[str]]]:
    """What answers each exception. `statuses` has those of domain errors; the error's own message is the detail."""
    answers = dict(ANSWERS)
    for kind, status in statuses.items():
        answers[kind] = partial(_domain, status)
    return {kind: partial(_respond, answer) for kind, answer in answers.items()}


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


def _not_found(_error: NotFoundError) -> Problem:
    return Problem(404, "Not found", "there is nothing at this address for this method")


ANSWERS: dict[type[Exception], Callable[[Any], Problem]] = {
    **FAULTS,
    NotFoundError: _not_found,
}
