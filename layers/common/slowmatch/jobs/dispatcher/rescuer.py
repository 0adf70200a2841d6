"""Rescues runs whose worker was lost: it ended without finishing its attempt, and the lease is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.duty import for_each
from slowmatch.jobs.lifecycle import messages, promotion
from slowmatch.jobs.lifecycle.notifications import tell
from slowmatch.jobs.worker.executor import Failure, after_failure, message_time

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
    message = "the worker ended without a word: killed, timed out or crashed"
    failure = Failure("Lost", message, None, outcome="lost")
    end = after_failure(failure, run.failures + 1, run.max_attempts, now)
    message_at = message_time(end.due_at, now)
    rows = con.query(
        _RESCUE,
        run_id=run.run_id,
        attempt=run.attempt,
        now=now,
        state=end.state,
        failures=end.failures,
        error=end.error,
        due_at=end.due_at,
        message_at=message_at,
        message=message,
        reason=end.reason,
    )
    for _ in rows:
        telemetry.logger.warning(
            f"attempt {run.attempt} of run {run.run_id} of {run.job} was lost; {end.reason}"
        )
        telemetry.count("AttemptLost", job=run.job)
    run_messages = promotion.promote(con, [row[0] for row in rows], now)
    if message_at:
        run_messages += [messages.RunMessage(*row) for row in rows]
    messages.deliver(con, run_messages)
    return len(rows)


_RESCUE = f"""
    WITH lost AS (
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
    ), closed AS (
        UPDATE job_attempt
        SET finished_at = :now::timestamptz, outcome = 'lost', error_type = 'Lost', error_message = :message
        FROM lost WHERE run_id = lost.id AND number = lost.attempt
    ), noted AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, 'processing', :state, :reason, 'dispatcher' FROM lost
    ), {tell("lost")}
    SELECT job, id::text, attempt + 1, due_at FROM lost
"""
