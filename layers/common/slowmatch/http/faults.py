"""What went wrong on our own side, as a problem for the person who asked: logged whole, answered without details."""

from collections.abc import Callable
from typing import Any

from slowmatch.aws.secrets import SecretError
from slowmatch.db import SchemaMissing, Unavailable
from slowmatch.http.problem import Problem
from slowmatch.settings import SettingsError
from slowmatch.telemetry import logger

RETRY_AFTER_SECONDS = 5


def itself(problem: Problem) -> Problem:
    return problem


def _unavailable(error: Unavailable) -> Problem:
    logger.error(str(error))
    return _retry_later("the database cannot be reached now; try again later")


def _schema_missing(error: SchemaMissing) -> Problem:
    logger.error(str(error))
    return _retry_later("the database schema is not migrated: invoke the migrate function")


def _retry_later(detail: str) -> Problem:
    return Problem(503, "Service unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _misconfigured(error: Exception) -> Problem:
    logger.error(str(error))
    return Problem(500, "Wrong configuration", "a setting is missing or wrong; the function's log names it")


def _unexpected(error: Exception) -> Problem:
    logger.error("unexpected error", exc_info=error)
    return Problem(
        500, "Internal server error", "something unexpected failed; the function's log has the reason"
    )


FAULTS: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: itself,
    Unavailable: _unavailable,
    SchemaMissing: _schema_missing,
    SettingsError: _misconfigured,
    SecretError: _misconfigured,
    Exception: _unexpected,
}
"""One table from exception to problem, for the JSON APIs and the console alike."""
