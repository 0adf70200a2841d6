"""Isolation of the dispatcher's duties: what fails for one job is reported, and does not stop the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from slowmatch import telemetry
from slowmatch.aws.clients import may_quote_secret, refusal
from slowmatch.db import StatementError, TimedOut, Unavailable
from slowmatch.deadline import NEVER, Deadline

T = TypeVar("T")
_LOCK_NOT_AVAILABLE = "55P03"


class PartlyFailed(Exception):
    """A duty failed for some jobs and succeeded for the others. `problems` has the reasons by job."""

    def __init__(self, done: int, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{job}: {problem}" for job, problem in problems.items()))
        self.done = done
        self.problems = problems


def for_each(
    items: Iterable[T], job_of: Callable[[T], str], do: Callable[[T], int], deadline: Deadline = NEVER
) -> int:
    """Call `do` for every item until the deadline, and return the sum.

    Raises PartlyFailed at the end if some failed, and Unavailable immediately.
    """
    done, problems = 0, dict[str, str]()
    for item in items:
        job = job_of(item)
        if deadline.is_over:
            problems.setdefault(job, "no time was left for it")
            continue
        try:
            done += do(item)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the other jobs go on
            telemetry.logger.warning(f"{job}: {describe(error)}", exc_info=not may_quote_secret(error))
            problems.setdefault(job, describe(error))
    if problems:
        raise PartlyFailed(done, problems)
    return done


def describe(error: Exception) -> str:
    """Say why a duty failed."""
    if isinstance(error, StatementError) and error.sqlstate == _LOCK_NOT_AVAILABLE:
        return "another session has locked a row that it needs"
    if isinstance(error, TimedOut):
        return "the database took longer than the time allotted to it"
    return refusal(error) or type(error).__name__
