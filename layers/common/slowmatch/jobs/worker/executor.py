"""Executes one claimed attempt: runs the handler, and writes the result."""

from collections.abc import Callable
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.definition import MAX_JSON_BYTES, Job
from slowmatch.jobs.lifecycle import finish, messages, reports
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.retry import Permanent, retry_or_fail
from slowmatch.jobs.worker.context import Cancelled, Context, Continue
from slowmatch.notifications import publishing
from slowmatch.text import to_json

Handler = Callable[[Context], Any]
METRICS = {"succeeded": "RunSucceeded", "failed": "RunFailed", "scheduled": "RunRetried"}
"""The metric that counts a run's change to a state."""
WITHOUT_EFFECT = "the run was stopped or taken over in the meantime; the result of this attempt was dropped"


class ResultTooLarge(Permanent):
    """A handler returned more than a run may keep. A retry would do its work again, and return the same."""


def execute(
    con: Connection,
    job: Job,
    handler: Handler,
    claimed: ClaimedAttempt,
    *,
    settings: dict[str, Any],
    remaining_ms: Callable[[], int],
) -> None:
    """Run the handler and finish the attempt. What the handler raises becomes the state of the run."""
    context = Context(con, job, claimed, settings=settings, remaining_ms=remaining_ms)
    telemetry.logger.append_keys(run_id=claimed.run_id, attempt=claimed.attempt)
    try:
        context.logger.addHandler(context.log)
        try:
            result = _result(context, handler(context))
        except Cancelled as stopped:
            telemetry.logger.info(f"stopped at a checkpoint: {stopped}")
            result = None
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the state of its run
            result = _failed(context, error)
            telemetry.logger.warning(f"attempt {claimed.attempt} failed: {result.error}")
        finally:
            context.logger.removeHandler(context.log)
        if result is None:
            lines = context.take_reports(is_over=True).lines
            reports.note_handler_end(con, claimed, lines, noticed=True)
        else:
            _write_result(context, result)
    finally:
        telemetry.logger.remove_keys(["run_id", "attempt"])


def _result(context: Context, value: Any) -> AttemptResult:
    """What follows from the value that the handler returned.

    Raises ResultTooLarge, and ValueError if JSON cannot hold the value.
    """
    claimed = context.claimed
    if isinstance(value, Continue):
        when = (
            "in the dispatcher's next pass" if finish.is_last_in_a_row(claimed) else "in the next invocation"
        )
        return AttemptResult(
            outcome="continued",
            state="enqueued",
            reason=f"continues {when}",
            failures=claimed.failures,
            due_at=context.con.now(),
            cursor=value.cursor,
        )
    text = None if value is None else to_json(value)
    if text is not None and (size := len(text.encode())) > MAX_JSON_BYTES:
        raise ResultTooLarge(
            f"The result is {size:,} bytes; at most {MAX_JSON_BYTES:,} can be kept."
            " Store large results elsewhere and return their location."
        )
    return AttemptResult(
        outcome="succeeded",
        state="succeeded",
        reason="the handler returned",
        failures=claimed.failures,
        value=text,
    )


def _failed(context: Context, error: Exception) -> AttemptResult:
    claimed = context.claimed
    return retry_or_fail(
        error, failures=claimed.failures + 1, max_attempts=claimed.max_attempts, now=context.con.now()
    )


def _write_result(context: Context, result: AttemptResult) -> None:
    """Write the result, and send what follows from it."""
    con, claimed = context.con, context.claimed
    now = con.now()
    left = context.take_reports(is_over=True)
    try:
        finished = finish.finish(con, claimed, result, now, reports=left)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - what JSON or PostgreSQL cannot hold is the handler's failure
        result = _failed(context, error)
        finished = finish.finish(con, claimed, result, now, reports=Reports(lines=left.lines))
    if not finished.owned:
        telemetry.logger.info(WITHOUT_EFFECT)
        context.log.add("INFO", WITHOUT_EFFECT)
        reports.note_handler_end(con, claimed, context.take_reports(is_over=True).lines, noticed=False)
        return
    if finished.messages:
        messages.send(con, finished.messages)
    if finished.notification_id:
        publishing.publish([finished.notification_id])
    if result.state in METRICS:
        telemetry.count(METRICS[result.state], job=claimed.job)
    milliseconds = (now - claimed.started_at).total_seconds() * 1000
    telemetry.duration("AttemptDuration", milliseconds, job=claimed.job)
    telemetry.logger.info(
        f"{claimed.job}: attempt {result.outcome}", extra={"state": result.state, "ms": round(milliseconds)}
    )
