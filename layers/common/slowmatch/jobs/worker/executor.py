"""Carry out one claimed attempt and write down how it ended."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slowmatch import telemetry
from slowmatch.aws import sqs
from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.definition import MAX_JSON_BYTES
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.lifecycle import finish, messages
from slowmatch.jobs.retry import Permanent, retry_delay
from slowmatch.jobs.worker.context import Cancelled, Context, Continue, RunLog
from slowmatch.notifications import publishing
from slowmatch.text import clean, clean_traceback, to_json

Handler = Callable[[Context], Any]
TRACEBACK_MAX = 32_000
"""The characters of a traceback that are stored, its end included."""
ATTEMPTS_IN_A_ROW = 12
"""How many attempts of a run follow one another by messages that its function sends to its own queue.

The next one is started by the dispatcher. So a handler that always returns `Continue` makes no more attempts than
this between two of the dispatcher's passes. Lambda itself would end a chain of about 16.
"""


class ResultTooLarge(Permanent):
    """A handler returned more than a run may keep; a retry would do its work again and return the same."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed; `permanent` means that no retry can mend it."""

    error_type: str
    message: str
    traceback: str | None
    permanent: bool = False
    outcome: str = "failed"

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        told = traceback.TracebackException.from_exception(error)  # also works when `str(error)` raises
        text = "".join(told.format())
        return cls(
            type(error).__name__,
            clean(str(told)),
            clean_traceback(text, TRACEBACK_MAX),
            isinstance(error, Permanent),
        )


def after_failure(failure: Failure, failures: int, max_attempts: int, now: datetime) -> finish.Ending:
    """The state that follows from failure number `failures` of a run: another try, or the end."""
    delay = None if failure.permanent else retry_delay(failures, max_attempts)
    what = f"{failure.error_type}: {failure.message}"
    if delay is None:
        why = "permanent error" if failure.permanent else f"attempt {failures} of {max_attempts}, the last"
        state, reason, due_at = "failed", f"{why}: {what}", None
    else:
        seconds = int(delay.total_seconds())
        state, due_at = "scheduled", now + delay
        reason = f"retry {failures} of {max_attempts - 1} in {seconds} s: {what}"
    return finish.Ending(
        failure.outcome,
        state,
        clean(reason, 1_000),
        failures,
        due_at,
        error_type=failure.error_type,
        error_message=failure.message,
        traceback=failure.traceback,
    )


def carry_out(context: Context, handler: Handler, ahead: finish.Ahead | None = None) -> None:
    """Run the handler, finish the attempt, and claim what is `ahead` if that can be done in the same statement.

    An error of the handler is a state of the run, not raised.
    """
    con, claim = context.con, context.claim
    telemetry.logger.append_keys(run_id=claim.run_id, attempt=claim.attempt)
    try:
        with RunLog(context):
            end = _ending(con, claim, context, handler)
        if end is not None:
            _finish(con, claim, context, end, ahead)
    finally:
        telemetry.logger.remove_keys(["run_id", "attempt"])


def message_time(due_at: datetime | None, now: datetime) -> datetime | None:
    """When the message of a run due then becomes visible; None when the dispatcher has to send it later."""
    if due_at is None or due_at > now + timedelta(seconds=sqs.MAX_DELAY_SECONDS):
        return None
    return max(due_at, now)


def _message_time(claim: claims.Claim, end: finish.Ending, now: datetime) -> datetime | None:
    return None if _is_last_in_a_row(claim) else message_time(end.due_at, now)


def _is_last_in_a_row(claim: claims.Claim) -> bool:
    return claim.attempt % ATTEMPTS_IN_A_ROW == 0


def _ending(con: Connection, claim: claims.Claim, context: Context, handler: Handler) -> finish.Ending | None:
    try:
        result = handler(context)
        if isinstance(result, Continue):
            how = "when the dispatcher next passes" if _is_last_in_a_row(claim) else "in a next invocation"
            return finish.Ending(
                "continued", "enqueued", f"goes on {how}", claim.failures, con.now(), cursor=result.cursor
            )
        return finish.Ending(
            "succeeded", "succeeded", "the handler returned", claim.failures, result=_result(result)
        )
    except Cancelled as stopped:
        telemetry.logger.info(f"stopped: {stopped}")
        context.flush(is_over=True)
        return None
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is the state of its run
        failure = Failure.of(error)
        telemetry.logger.warning(f"attempt {claim.attempt} failed: {failure.error_type}: {failure.message}")
        return after_failure(failure, claim.failures + 1, claim.max_attempts, con.now())


def _result(value: Any) -> str | None:
    """What a handler returned, as JSON. Raises ResultTooLarge, and ValueError for what JSON cannot hold."""
    if value is None:
        return None
    text = to_json(value)
    size = len(text.encode())
    if size > MAX_JSON_BYTES:
        raise ResultTooLarge(
            f"The result has {size:,} bytes; at most {MAX_JSON_BYTES:,} are kept."
            " Store large results elsewhere and return where."
        )
    return text


def _finish(
    con: Connection, claim: claims.Claim, context: Context, end: finish.Ending, ahead: finish.Ahead | None
) -> None:
    now = con.now()
    message_at = _message_time(claim, end, now)
    progress, lines = context.take_reports(is_over=True)
    try:
        done = _written(con, claim, end, now, message_at, progress, lines, ahead=ahead)
    except Unavailable:
        raise
    except Exception as refused:  # noqa: BLE001 - what JSON or PostgreSQL cannot hold is the handler's failure
        end = after_failure(Failure.of(refused), claim.failures + 1, claim.max_attempts, now)
        message_at = _message_time(claim, end, now)
        done = finish.finish(con, claim, end, now, message_at, None, lines)
    if not done.mine:
        telemetry.logger.info("the run was deleted or taken over meanwhile; this attempt changes nothing")
        return
    if message_at is not None and end.due_at is not None:
        done.handed_on.append(messages.Pointer(claim.job, claim.run_id, claim.attempt + 1, end.due_at))
    if done.handed_on:
        messages.deliver(con, done.handed_on)
    if done.told:
        publishing.publish([done.told])
    _measure(claim, end, now)


def _written(con: Connection, *arguments: Any, ahead: finish.Ahead | None) -> finish.Finished:
    """Finish, and once more when the connection broke: the guard by attempt makes the repetition harmless.

    The repetition claims nothing: whether the run ahead is ours already is unknown.
    """
    try:
        return finish.finish(con, *arguments, ahead=ahead)
    except Unavailable:
        time.sleep(0.5)
        return finish.finish(con, *arguments)


def _measure(claim: claims.Claim, end: finish.Ending, now: datetime) -> None:
    names = {"succeeded": "RunSucceeded", "failed": "RunFailed", "scheduled": "RunRetried"}
    if end.state in names:
        telemetry.count(names[end.state], job=claim.job)
    milliseconds = (now - claim.started_at).total_seconds() * 1000
    telemetry.duration("AttemptDuration", milliseconds, job=claim.job)
    telemetry.logger.info(
        f"{claim.job}: attempt {end.outcome}", extra={"state": end.state, "ms": round(milliseconds)}
    )
