"""Finishes attempts, as long as the worker still holds the lease."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import LeasedAttempt
from slowmatch.jobs.lifecycle.messages import RunMessage
from slowmatch.jobs.lifecycle.promotion import PROMOTE_NEXT
from slowmatch.jobs.lifecycle.reports import HOLDS_LEASE, WRITE_LOG, Reports
from slowmatch.jobs.model import AttemptResult
from slowmatch.text import to_json

SECONDS_BEFORE_REPETITION = 0.5
MAX_ATTEMPTS_IN_A_ROW = 12
"""How many attempts of a run follow one another by messages that its function sends to its own queue.

The dispatcher sends the next one. So a handler that always returns `Continue` makes no more attempts than this
between two passes of the dispatcher. Lambda itself would end a chain of about 16.
"""

# Later than all that the job's destinations were told before, although two functions' clocks differ by milliseconds.
_NOTIFIED_AT = """
    GREATEST(:now::timestamptz, (
        SELECT max(at) + interval '1 microsecond'
        FROM notification
        WHERE job = finished.job AND event IN ('failed', 'recovered')
    ))
"""
# A run that failed for good, and the first success of its job after that. Reads `finished` (id, job, attempt).
NOTIFY = f"""
    INSERT INTO notification (at, event, job, run_id, key, detail)
    SELECT {_NOTIFIED_AT}, 'failed', job, id, id || ' ' || attempt,
           jsonb_build_object('error', :error::text, 'attempt', attempt)
    FROM finished
    WHERE :state = 'failed'
    UNION ALL
    SELECT {_NOTIFIED_AT}, 'recovered', finished.job, finished.id, last.id::text,
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
        SELECT id, :now::timestamptz, 'processing', :state, :reason, :actor
        FROM finished
    ), log AS (
        {WRITE_LOG}
    ), notified AS (
        {NOTIFY}
    ), idle AS (  -- the job is, once this statement is done
        SELECT job FROM finished WHERE exclusive
    ), promoted AS (
        {PROMOTE_NEXT}
    )
    SELECT (SELECT count(*) FROM finished), (SELECT id::text FROM notified), promoted.*
    FROM (SELECT) AS one_row LEFT JOIN promoted ON true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Whether the attempt was still ours, and what the caller has to send: messages to runs, and a notification."""

    owned: bool
    messages: list[RunMessage] = field(default_factory=list)
    notification_id: str | None = None


def finish(
    con: Connection, claimed: LeasedAttempt, result: AttemptResult, now: datetime, *, reports: Reports
) -> Finished:
    """Close the attempt, move its run on, and promote the next run of an exclusive job.

    If the connection breaks, this is repeated once: the first time changed the run, or the second time does.
    """
    try:
        return finish_once(con, claimed, result, now, reports=reports)
    except Unavailable:
        time.sleep(SECONDS_BEFORE_REPETITION)
        return finish_once(con, claimed, result, now, reports=reports)


def finish_once(
    con: Connection,
    leased: LeasedAttempt,
    result: AttemptResult,
    now: datetime,
    *,
    reports: Reports,
    actor: str = "worker",
) -> Finished:
    """Finish an attempt like `finish`, but do not try again when the connection breaks. Raises Unavailable."""
    next_attempt = _next_attempt(leased, result)
    message_at = messages.visible_at(next_attempt.due_at, now) if next_attempt else None
    ((is_owner, notification_id, *promoted),) = con.query(
        FINISH,
        run_id=leased.run_id,
        attempt=leased.attempt,
        lease_until=leased.lease_until,
        now=now,
        actor=actor,
        state=result.state,
        outcome=result.outcome,
        reason=result.reason,
        failures=result.failures,
        due_at=result.due_at,
        message_at=message_at,
        result=result.value,
        cursor=None if result.cursor is None else to_json(result.cursor),
        error=result.error,
        error_type=result.error_type,
        error_message=result.error_message,
        traceback=result.traceback,
        progress=None if reports.progress is None else to_json(reports.progress),
        lines=to_json(reports.lines),
    )
    if not is_owner:
        return Finished(owned=False)
    to_send = [RunMessage(*promoted)] if promoted[0] else []
    if next_attempt and message_at:
        to_send.append(next_attempt)
    return Finished(owned=True, messages=to_send, notification_id=notification_id)


def _next_attempt(leased: LeasedAttempt, result: AttemptResult) -> RunMessage | None:
    """The message for the run's next attempt; None if there is none, or if the dispatcher has to send it."""
    if result.due_at is None or is_last_in_a_row(leased):
        return None
    return RunMessage(leased.job, leased.run_id, leased.attempt + 1, result.due_at)


def is_last_in_a_row(leased: LeasedAttempt) -> bool:
    """Whether the dispatcher has to send the message for the run's next attempt."""
    return leased.attempt % MAX_ATTEMPTS_IN_A_ROW == 0
