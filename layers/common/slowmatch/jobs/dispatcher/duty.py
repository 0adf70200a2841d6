"""What the duties of the dispatcher have in common: one job's fault stops no other job, and is told in words."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from slowmatch import telemetry
from slowmatch.aws.clients import refusal
from slowmatch.db import StatementError, TimedOut, Unavailable
from slowmatch.deadline import NEVER, Deadline

T = TypeVar("T")
_LOCK_NOT_AVAILABLE = "55P03"


class PartlyFailed(Exception):
    """A duty failed for some jobs and was done for the others. `problems` has the reason by job."""

    def __init__(self, done: int, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{job}: {problem}" for job, problem in problems.items()))
        self.done = done
        self.problems = problems


def for_each(
    items: Iterable[T], job_of: Callable[[T], str], do: Callable[[T], int], deadline: Deadline = NEVER
) -> int:
    """Do it for every item until the deadline, and return the sum.

    Raises PartlyFailed at the end if it failed for some, and Unavailable at once.
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
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs have nothing to do with it
            telemetry.logger.warning(f"{job}: {in_words(error)}", exc_info=True)
            problems.setdefault(job, in_words(error))
    if problems:
        raise PartlyFailed(done, problems)
    return done


def in_words(error: Exception) -> str:
    """Why a duty failed, for people."""
    if isinstance(error, StatementError) and error.sqlstate == _LOCK_NOT_AVAILABLE:
        return "another session keeps a row that it needs locked"
    if isinstance(error, TimedOut):
        return "the database took longer than its share of the time"
    return refusal(error) or type(error).__name__
