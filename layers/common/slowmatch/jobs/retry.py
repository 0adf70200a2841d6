"""Decides whether a failed attempt is retried, and when."""

import random
from datetime import datetime, timedelta
from traceback import TracebackException

from slowmatch.jobs.model import AttemptResult, Outcome
from slowmatch.text import clean, clean_traceback

MAX_ATTEMPTS = 11
"""The first execution and Hangfire's ten retries."""
MAX_TRACEBACK_CHARACTERS = 32_000
MAX_REASON_CHARACTERS = 1_000


class Permanent(Exception):
    """Raised by a handler when no retry can help: the run fails at once."""


def backoff(retry: int, jitter: int) -> timedelta:
    """Delay before retry number `retry` (1-based), Hangfire's curve: (n-1)^4 + 15 + jitter*n seconds.

    `jitter` is drawn by the caller from 0..29, so that the curve itself stays testable.
    """
    return timedelta(seconds=(retry - 1) ** 4 + 15 + jitter * retry)


class Lost(Exception):
    """The worker of an attempt disappeared."""


def retry_or_fail(
    error: BaseException, *, failures: int, max_attempts: int, now: datetime, outcome: Outcome = "failed"
) -> AttemptResult:
    """The result of an attempt that `error` ended, as failure number `failures` of its run: a retry, or the end."""
    described = TracebackException.from_exception(error)  # also works when `str(error)` raises
    error_type, message = type(error).__name__, clean(str(described))
    delay = None
    if isinstance(error, Permanent):
        why = "permanent error"
    elif failures >= max_attempts:
        why = f"attempt {failures} of {max_attempts} (the last)"
    else:
        delay = backoff(failures, random.randint(0, 29))  # noqa: S311 - spreads load, guards nothing
        why = f"retry {failures} of {max_attempts - 1} in {int(delay.total_seconds())} s"
    text = clean_traceback("".join(described.format()), MAX_TRACEBACK_CHARACTERS)
    return AttemptResult(
        outcome=outcome,
        state="failed" if delay is None else "scheduled",
        reason=clean(f"{why}: {error_type}: {message}", MAX_REASON_CHARACTERS),
        failures=failures,
        due_at=None if delay is None else now + delay,
        error_type=error_type,
        error_message=message,
        traceback=text if error.__traceback__ else None,
    )
