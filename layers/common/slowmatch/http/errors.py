"""Errors as RFC 9457 problem+json: `Problem`, and the one table from exception to problem."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypedDict

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from slowmatch.aws.secrets import SecretError
from slowmatch.db import SchemaMissing, Unavailable
from slowmatch.http.encoding import json_body
from slowmatch.settings import SettingsError
from slowmatch.telemetry import logger

RETRY_AFTER_SECONDS = 5


class FieldError(TypedDict):
    """The name of an invalid field, and what is allowed there."""

    field: str
    message: str


class Problem(Exception):
    """A response other than success: the only exception that carries an HTTP status."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, errors: Sequence[FieldError]) -> "Problem":
        """422, with every invalid field."""
        detail = "; ".join(f"{error['field']} {error['message']}" for error in errors)
        return cls(422, "Invalid request", detail, errors)

    @classmethod
    def unavailable(cls, detail: str) -> "Problem":
        """503, which clients may retry."""
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return cls(503, "Service unavailable", detail, headers=headers)


def _logged(error: Exception, problem: Problem) -> Problem:
    logger.error(str(error))
    return problem


def _misconfigured(error: Exception) -> Problem:
    detail = "a setting is missing or wrong; the function's log names it"
    return _logged(error, Problem(500, "Invalid configuration", detail))


def _unexpected(error: Exception) -> Problem:
    logger.error("unexpected error", exc_info=error)
    detail = "an unexpected error occurred; the function's log has the details"
    return Problem(500, "Internal server error", detail)


PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda problem: problem,
    NotFoundError: lambda _: Problem(
        404, "Not found", "this address does not exist, or does not support this method"
    ),
    Unavailable: lambda error: _logged(
        error, Problem.unavailable("the database cannot be reached at the moment; try again later")
    ),
    SchemaMissing: lambda error: _logged(
        error, Problem.unavailable("the database schema is not migrated: invoke the migrate function")
    ),
    SettingsError: _misconfigured,
    SecretError: _misconfigured,
    Exception: _unexpected,
}
"""For the JSON APIs and the console. Errors of our own are logged in full and answered without details."""


def handlers(
    statuses: Mapping[type[Exception], int],
) -> dict[type[Exception], Callable[[Any], Response[str]]]:
    """A handler for each exception of the table and of `statuses`, which gives domain errors a status."""
    table = PROBLEMS | {kind: partial(_domain_error, status) for kind, status in statuses.items()}
    return {kind: partial(_respond, to_problem) for kind, to_problem in table.items()}


def _domain_error(status: int, error: Exception) -> Problem:
    return Problem(status, HTTPStatus(status).phrase, str(error))


def _respond(to_problem: Callable[[Any], Problem], error: Exception) -> Response[str]:
    problem = to_problem(error)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(problem.status, "application/problem+json", json_body(body), problem.headers)
