"""When a failed attempt is retried."""

import random
from datetime import timedelta

MAX_ATTEMPTS = 11
"""The first execution and Hangfire's ten retries."""


class Permanent(Exception):
    """Raised by a handler when no retry can help: the run fails at once."""


def backoff(retry: int, jitter: int) -> timedelta:
    """Delay before retry number `retry` (1-based), Hangfire's curve: (n-1)^4 + 15 + jitter*n seconds.

    `jitter` is drawn by the caller from 0..29, so that the curve itself stays testable.
    """
    return timedelta(seconds=(retry - 1) ** 4 + 15 + jitter * retry)


def retry_delay(failures: int, max_attempts: int) -> timedelta | None:
    """The delay after failure number `failures`; None if no attempt is left."""
    if failures >= max_attempts:
        return None
    return backoff(failures, random.randint(0, 29))  # noqa: S311 - spreads load, guards nothing
