"""Runs that wait, and handlers, for tests of batches."""

from collections.abc import Callable, Iterator
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs import enqueue
from slowmatch.jobs.lifecycle import actions
from tests.integration.jobs.conftest import Work

JOB = "send-test-mail"


def put(con: Connection, count: int = 3, job: str = JOB, **how: Any) -> list[dict[str, Any]]:
    """Runs that wait, and the messages of their first attempts."""
    return [{"run_id": enqueue(con, job, **how).run_id, "attempt": 1} for _ in range(count)]


def states(work: Work) -> list[str]:
    return [run.state for run in work.runs()]


def in_order(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A handler that does something else each time."""
    left: Iterator[Callable[[Any], Any]] = iter(steps)
    return lambda context: next(left)(context)


def succeed(context: Any) -> dict[str, Any]:
    return {"run": context.run_id}


def delete(context: Any) -> None:
    actions.change(context.con, "delete", ids=[context.run_id], actor="ann")


def use_up_the_time(work: Work) -> Callable[[Any], None]:
    """A handler after which the invocation has a tenth of a second left."""

    def use_up(context: Any) -> None:
        work.lambda_context.remaining = 100

    return use_up
