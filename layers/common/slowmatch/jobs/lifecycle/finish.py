"""Finishes attempts and takes their reports, as long as the worker still holds the lease.

A lease is identified by run, attempt and end, so a late worker neither finishes nor reports for the run's next attempt.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from traceback import TracebackException
from typing import Any

from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.messages import RunMessage
from slowmatch.jobs.lifecycle.promotion import PROMOTE_NEXT
from slowmatch.jobs.model import Outcome, RunState
from slowmatch.jobs.retry import Permanent, retry_delay
from slowmatch.text import clean, clean_traceback, to_json

MAX_TRACEBACK_CHARACTERS = 32_000
MAX_REASON_CHARACTERS = 1_000
SECONDS_BEFORE_REPETITION = 0.5
MAX_ATTEMPTS_IN_A_ROW = 12
"""How many attempts of a run follow one another by messages that its function sends to its own queue.

The dispatcher sends the next one. So a handler that always returns `Continue` makes no more attempts than this
between two passes of the dispatcher. Lambda itself would end a chain of about 16.
"""

# The state is `processing` exactly when there is a lease. IS TRUE: see claim.CLAIM.
HOLDS_LEASE = (
    "id = :run_id::uuid AND (attempt = :attempt AND lease_until = :lease_until::timestamptz) IS TRUE"
)
WRITE_LOG = """
    INSERT INTO job_log (run_id, attempt, at, level, message)
    SELECT :run_id::uuid, :attempt, line.at, line.level, line.message
    FROM jsonb_to_recordset(:lines::jsonb) AS line(at timestamptz, level text, message text)
"""
# A run that failed for good, and the first success of its job after that. Reads `finished` (id, job, attempt).
NOTIFY = """
    INSERT INTO notification (at, event, job, run_id, key, detail)
    SELECT :now::timestamptz, 'failed', job, id, id || ' ' || attempt,
           jsonb_build_object('error', :error::text, 'attempt', attempt)
    FROM finished
    WHERE :state = 'failed'
    UNION ALL
    SELECT :now::timestamptz, 'recovered', finished.job, finished.id, last.id::text,
           jsonb_build_object('failed_run_id', last.run_id, 'failed_at', last.at)
    FROM finished, LATERAL (
        SELECT id, event, run_id, at
        FROM notification
        WHERE job = finished.job AND event IN ('failed', 'recovered')
        ORDER BY at DESC
        LIMIT 1
    ) AS last
    WHERE :state = 'succeeded' AND last.event = 'failed'
    ON CONFLICT DO NOTHING
    RETURNING id
"""
FINISH = f"""
    WITH finished AS (
        UPDATE job_run
        SET state = :state,
            lease_until = NULL,
            failures = :failures,
            finished_at = CASE WHEN :state IN ('succeeded', 'failed') THEN :now::timestamptz END,
            due_at = COALESCE(:due_at::timestamptz, due_at),
            message_at = :message_at::timestamptz,
            result = :result::jsonb,
            error = :error::text,
            cursor = COALESCE(:cursor::jsonb, cursor),
            progress = COALESCE(:progress::jsonb, progress)
        WHERE {HOLDS_LEASE}
        RETURNING id, job, exclusive, attempt
    ), attempt AS (
        UPDATE job_attempt
        SET finished_at = :now::timestamptz,
            outcome = :outcome,
            error_type = :error_type::text,
            error_message = :error_message::text,
            traceback = :traceback::text
        FROM finished
        WHERE run_id = finished.id AND number = :attempt
    ), event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, 'processing', :state, :reason, 'worker'
        FROM finished
    ), log AS (
        {WRITE_LOG}
    ), notified AS (
        {NOTIFY}
    ), idle AS (
        SELECT job FROM finished WHERE exclusive
    ), promoted AS (
        {PROMOTE_NEXT}
    )
    SELECT (SELECT count(*) FROM finished), (SELECT id::text FROM notified), promoted.*
    FROM (SELECT) AS one_row LEFT JOIN promoted ON true
"""
CHECKPOINT = f"""
    WITH held AS (
        UPDATE job_run
        SET progress = COALESCE(:progress::jsonb, progress)
        WHERE {HOLDS_LEASE}
        RETURNING id
    ), log AS (
        {WRITE_LOG}
    )
    SELECT count(*) FROM held
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """What became of an attempt, and the state of its run that follows. `result` is JSON text.

    If the run is to go on, it is due at `due_at` (aware).
    """

    outcome: Outcome
    state: RunState
    reason: str
    failures: int
    due_at: datetime | None = None
    result: str | None = None
    cursor: dict[str, Any] | None = None
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None

    @property
    def error(self) -> str | None:
        return f"{self.error_type}: {self.error_message}" if self.error_type else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Progress and log lines that an attempt has not written yet."""

    progress: dict[str, Any] | None = None
    lines: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Whether the attempt was still ours, and what the caller has to send: messages to runs, and a notification."""

    owned: bool
    messages: list[RunMessage] = field(default_factory=list)
    notification_id: str | None = None


def finish(
    con: Connection, claimed: ClaimedAttempt, result: AttemptResult, now: datetime, *, reports: Reports
) -> Finished:
    """Close the attempt, move its run on, and promote the next run of an exclusive job.

    If the connection breaks, this is repeated once: the first time changed the run, or the second time does.
    """
    try:
        return _finish(con, claimed, result, now, reports=reports)
    except Unavailable:
        time.sleep(SECONDS_BEFORE_REPETITION)
        return _finish(con, claimed, result, now, reports=reports)


def _finish(
    con: Connection, claimed: ClaimedAttempt, result: AttemptResult, now: datetime, *, reports: Reports
) -> Finished:
    due_at = None if is_last_in_a_row(claimed) else result.due_at
    message_at = messages.visible_at(due_at, now) if due_at else None
    ((owned, notification_id, *promoted),) = con.query(
        FINISH,
        run_id=claimed.run_id,
        attempt=claimed.attempt,
        lease_until=claimed.lease_until,
        now=now,
        state=result.state,
        outcome=result.outcome,
        reason=result.reason,
        failures=result.failures,
        due_at=result.due_at,
        message_at=message_at,
        result=result.result,
        cursor=None if result.cursor is None else to_json(result.cursor),
        error=result.error,
        error_type=result.error_type,
        error_message=result.error_message,
        traceback=result.traceback,
        progress=None if reports.progress is None else to_json(reports.progress),
        lines=to_json(reports.lines),
    )
    if not owned:
        return Finished(owned=False)
    to_send = [RunMessage(*promoted)] if promoted[0] else []
    if due_at and message_at:
        to_send.append(RunMessage(claimed.job, claimed.run_id, claimed.attempt + 1, due_at))
    return Finished(owned=True, messages=to_send, notification_id=notification_id)


def checkpoint(con: Connection, claimed: ClaimedAttempt, reports: Reports) -> bool:
    """Write progress and log lines; False if the attempt is no longer ours."""
    ((held,),) = con.query(
        CHECKPOINT,
        run_id=claimed.run_id,
        attempt=claimed.attempt,
        lease_until=claimed.lease_until,
        progress=None if reports.progress is None else to_json(reports.progress),
        lines=to_json(reports.lines),
    )
    return bool(held)


def is_last_in_a_row(claimed: ClaimedAttempt) -> bool:
    """Whether the dispatcher has to send the message for the run's next attempt."""
    return claimed.attempt % MAX_ATTEMPTS_IN_A_ROW == 0


class Lost(Exception):
    """The worker of an attempt disappeared."""


def failed(
    error: Exception, *, failures: int, max_attempts: int, now: datetime, outcome: Outcome = "failed"
) -> AttemptResult:
    """The result of an attempt that `error` ended, as failure number `failures` of its run: a retry, or the end."""
    described = TracebackException.from_exception(error)  # also works when `str(error)` raises
    error_type, message = type(error).__name__, clean(str(described))
    delay = None if isinstance(error, Permanent) else retry_delay(failures, max_attempts)
    if delay is not None:
        why = f"retry {failures} of {max_attempts - 1} in {int(delay.total_seconds())} s"
    elif isinstance(error, Permanent):
        why = "permanent error"
    else:
        why = f"attempt {failures} of {max_attempts}, the last"
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
