"""What follows from the value that a handler returned, or from what it raised."""

from datetime import datetime
from typing import Any

from slowmatch.jobs.definition import MAX_JSON_BYTES
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.finish import is_last_in_a_row
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.retry import Permanent, retry_or_fail
from slowmatch.jobs.worker.context import Continue
from slowmatch.text import to_json


class ResultTooLarge(Permanent):
    """A handler returned more than a run may keep. A retry would do its work again, and return the same."""


def result_of(claimed: ClaimedAttempt, value: Any, now: datetime) -> AttemptResult:
    """The result of an attempt whose handler returned `value`, or raised it."""
    if isinstance(value, Continue):
        return _enqueued_again(claimed, f"continues {_when_next(claimed)}", now, cursor=value.cursor)
    if isinstance(value, BaseException):
        return _failed(claimed, value, now)
    try:
        text = _result_text(value)
    except Exception as error:  # noqa: BLE001 - what JSON cannot hold is the handler's failure
        return _failed(claimed, error, now)
    return AttemptResult(
        outcome="succeeded",
        state="succeeded",
        reason="the handler returned",
        failures=claimed.failures,
        value=text,
    )


def given_back(claimed: ClaimedAttempt, why: str, now: datetime) -> AttemptResult:
    """The result of an attempt that starts again and counts no failure."""
    return _enqueued_again(claimed, f"given back {why}; starts {_when_next(claimed)}", now)


def _failed(claimed: ClaimedAttempt, error: BaseException, now: datetime) -> AttemptResult:
    return retry_or_fail(error, failures=claimed.failures + 1, max_attempts=claimed.max_attempts, now=now)


def _enqueued_again(
    claimed: ClaimedAttempt, reason: str, now: datetime, *, cursor: dict[str, Any] | None = None
) -> AttemptResult:
    return AttemptResult(
        outcome="continued",
        state="enqueued",
        reason=reason,
        failures=claimed.failures,
        due_at=now,
        cursor=cursor,
    )


def _when_next(claimed: ClaimedAttempt) -> str:
    return "in the dispatcher's next pass" if is_last_in_a_row(claimed) else "in the next invocation"


def _result_text(value: Any) -> str | None:
    """The value as JSON. Raises ResultTooLarge, and ValueError if JSON cannot hold it."""
    if value is None:
        return None
    text = to_json(value)
    if (size := len(text.encode())) > MAX_JSON_BYTES:
        raise ResultTooLarge(
            f"The result is {size:,} bytes; at most {MAX_JSON_BYTES:,} can be kept."
            " Store large results elsewhere and return their location."
        )
    return text
