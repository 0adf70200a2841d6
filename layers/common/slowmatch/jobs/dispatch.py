"""The dispatcher's duties towards waiting and lost runs. Each may be repeated at any time."""

from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.jobs import queue, turns
from slowmatch.jobs.attempts import Failure, after_failure, message_time
from slowmatch.jobs.notices import tell

RESEND_AFTER = timedelta(minutes=10)
"""A message that should have been claimed this long ago is taken for lost."""
LEASE_GRACE = timedelta(seconds=5)
BATCH = 500
MOST = 20_000
"""The most messages that one tick sends: a backlog is not sent over and over."""


def send_due(con: Connection, now: datetime, resend_all: bool = False) -> int:
    """Send a message for each run that is due within SQS's delay and has none on its way.

    `resend_all` forgets which messages were sent: after a queue was purged, or lost.
    """
    if resend_all:
        con.query("UPDATE job_run SET message_at = NULL WHERE state IN ('enqueued', 'scheduled')")
    sent = 0
    while sent < MOST:
        rows = con.query(
            f"""
            WITH due AS (
                SELECT id, state FROM job_run
                WHERE state IN ('enqueued', 'scheduled')
                  AND due_at <= CAST(:horizon AS timestamptz)
                  AND (message_at IS NULL OR message_at <= CAST(:overdue AS timestamptz))
                ORDER BY due_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED
            ), sent AS (
                UPDATE job_run AS run
                SET message_at = GREATEST(run.due_at, CAST(:now AS timestamptz)),
                    state = CASE WHEN run.due_at <= CAST(:now AS timestamptz) THEN 'enqueued' ELSE run.state END
                FROM due WHERE run.id = due.id
                RETURNING run.id, run.job, run.attempt, run.due_at, run.state, due.state AS was
            ), noted AS (
                INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
                SELECT id, CAST(:now AS timestamptz), was, state, 'due', 'dispatcher' FROM sent WHERE state <> was
            )
            SELECT job, id::text, attempt + 1, due_at FROM sent ORDER BY due_at
            """,
            now=now,
            horizon=now + timedelta(seconds=queue.MAX_DELAY_SECONDS),
            overdue=now - RESEND_AFTER,
        )
        delivered = queue.deliver(con, [queue.Pointer(*row) for row in rows])
        sent += delivered
        if len(rows) < BATCH or delivered < len(rows):
            return sent
    return sent


def rescue_lost(con: Connection, now: datetime) -> int:
    """Close the attempts whose lease is over, and retry or fail their runs."""
    rows = con.query(
        """
        SELECT id::text, attempt, failures, max_attempts FROM job_run
        WHERE state = 'processing' AND lease_until < CAST(:over AS timestamptz)
        ORDER BY lease_until LIMIT 1000
        """,
        over=now - LEASE_GRACE,
    )
    return sum(_rescue(con, now, *row) for row in rows)


def _rescue(
    con: Connection, now: datetime, run_id: str, attempt: int, failures: int, max_attempts: int
) -> int:
    lost = Failure(
        "Lost", "the worker ended without a word: killed, timed out or crashed", None, outcome="lost"
    )
    end = after_failure(lost, failures + 1, max_attempts, now)
    message_at = message_time(end.due_at, now)
    rows = con.query(
        f"""
        WITH lost AS (
            UPDATE job_run
            SET state = :state, lease_until = NULL, failures = CAST(:failures AS integer), error = :error,
                due_at = COALESCE(CAST(:due_at AS timestamptz), due_at), message_at = CAST(:message_at AS timestamptz),
                finished_at = CASE WHEN :state = 'failed' THEN CAST(:now AS timestamptz) END
            WHERE id = CAST(:run_id AS uuid) AND attempt = CAST(:attempt AS integer)
              AND lease_until < CAST(:now AS timestamptz)
            RETURNING id, job, attempt, due_at
        ), closed AS (
            UPDATE job_attempt
            SET finished_at = CAST(:now AS timestamptz), outcome = 'lost', error_type = 'Lost', error_message = :message
            FROM lost WHERE run_id = lost.id AND number = lost.attempt
        ), noted AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), 'processing', :state, :reason, 'dispatcher' FROM lost
        ), {tell("lost")}
        SELECT job, id::text, attempt + 1, due_at FROM lost
        """,
        run_id=run_id,
        attempt=attempt,
        now=now,
        state=end.state,
        failures=end.failures,
        error=end.error,
        due_at=end.due_at,
        message_at=message_at,
        message=lost.message,
        reason=end.reason,
    )
    for job, *_ in rows:
        telemetry.logger.warning(f"attempt {attempt} of run {run_id} of {job} was lost; {end.reason}")
        telemetry.count("AttemptLost", job=job)
    pointers = turns.promote(con, [row[0] for row in rows], now)
    if message_at:
        pointers += [queue.Pointer(*row) for row in rows]
    queue.deliver(con, pointers)
    return len(rows)
