"""Rescues runs whose worker was lost: it ended without finishing its attempt, and the lease is over."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.lifecycle import finish, messages, promotion
from slowmatch.jobs.retry import Lost, retry_or_fail

LEASE_GRACE = timedelta(seconds=5)
MAX_RUNS_PER_PASS = 1000


def rescue(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Close the attempts whose lease is over, and retry or fail their runs. Returns how many.

    A run that another session has locked is left for the next pass. Raises PartlyFailed.
    """
    rows = con.query(_LOST_RUNS, over=now - LEASE_GRACE, limit=MAX_RUNS_PER_PASS)
    lost = [_LostRun(*row) for row in rows]
    return for_each(lost, lambda run: run.job, lambda run: _rescue(con, now, run), deadline)


@dataclass(frozen=True, slots=True)
class _LostRun:
    job: str
    run_id: str
    attempt: int
    failures: int
    max_attempts: int


_LOST_RUNS = """
    SELECT job, id::text, attempt, failures, max_attempts FROM job_run
    WHERE state = 'processing' AND lease_until < :over::timestamptz
    ORDER BY lease_until
    LIMIT :limit::integer
"""


def _rescue(con: Connection, now: datetime, run: _LostRun) -> int:
    result = retry_or_fail(
        Lost("the worker disappeared: it was killed, timed out or crashed"),
        outcome="lost",
        failures=run.failures + 1,
        max_attempts=run.max_attempts,
        now=now,
    )
    message_at = messages.visible_at(result.due_at, now) if result.due_at else None
    rows = con.query(
        _RESCUE,
        run_id=run.run_id,
        attempt=run.attempt,
        now=now,
        message_at=message_at,
        error=result.error,
        **asdict(result),
    )
    if not rows:
        return 0
    telemetry.logger.warning(
        f"attempt {run.attempt} of run {run.run_id} of {run.job} was lost; {result.reason}"
    )
    telemetry.count("AttemptLost", job=run.job)
    run_messages = promotion.promote(con, [row[0] for row in rows], now)
    if message_at:
        run_messages += [messages.RunMessage(*row) for row in rows]
    messages.send(con, run_messages)
    return len(rows)


_RESCUE = f"""
    WITH finished AS (
        UPDATE job_run
        SET state = :state, lease_until = NULL, failures = :failures::integer, error = :error,
            due_at = COALESCE(:due_at::timestamptz, due_at), message_at = :message_at::timestamptz,
            finished_at = CASE WHEN :state = 'failed' THEN :now::timestamptz END
        WHERE id = (
            SELECT id FROM job_run
            WHERE id = :run_id::uuid AND attempt = :attempt::integer
              AND lease_until < :now::timestamptz
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, job, attempt, due_at
    ), attempt AS (
        UPDATE job_attempt
        SET finished_at = :now::timestamptz, outcome = 'lost', error_type = 'Lost', error_message = :error_message
        FROM finished WHERE run_id = finished.id AND number = finished.attempt
    ), event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, 'processing', :state, :reason, 'dispatcher' FROM finished
    ), notified AS (
        {finish.NOTIFY}
    )
    SELECT job, id::text, attempt + 1, due_at FROM finished
"""
