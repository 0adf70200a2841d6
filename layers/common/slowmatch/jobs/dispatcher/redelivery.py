"""The dispatcher's duties towards waiting and lost runs. Each may be repeated at any time."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher.duty import PartlyFailed, for_each
from slowmatch.jobs.lifecycle import messages, promotion
from slowmatch.jobs.lifecycle.disabled_jobs import jobs_to_probe
from slowmatch.jobs.lifecycle.notifications import tell
from slowmatch.jobs.worker.executor import Failure, after_failure, message_time
from slowmatch.text import to_json

RESEND_AFTER = timedelta(minutes=10)
"""A message that should have been claimed this long ago is taken for lost."""
LEASE_GRACE = timedelta(seconds=5)
BATCH = 500
"""How many messages are sent in one round, by all jobs together."""
MOST = 20_000
"""The most messages that one pass sends: a backlog is not sent over and over."""


def send_due(con: Connection, now: datetime, resend_all: bool = False, deadline: Deadline = NEVER) -> int:
    """Send a message for each run that is due within SQS's delay and has none on its way.

    The jobs of the catalog take turns, each with its oldest runs, so that neither a backlog nor a queue that
    refuses holds up another job. `resend_all` forgets which messages were sent: after a queue was purged, or lost.
    A disabled job gets no messages, except that now and then one of its runs is tried.

    Raises PartlyFailed when queues refused messages.
    """
    if resend_all:
        con.query(_FORGET_MESSAGES)
    probes = jobs_to_probe(con, now)
    outcome = _send_round(con, [job for job, is_time in probes.items() if is_time], 1, now, deadline)
    sent, refused = outcome.sent, outcome.refused
    jobs = [job for job in _in_turn(now) if job not in probes]
    each = sqs.MAX_BATCH  # first one call a queue: that is all that one which refuses costs
    while jobs and sent < MOST and not deadline.is_over:
        each = min(each, max(1, (MOST - sent) // len(jobs)))
        outcome = _send_round(con, jobs, each, now, deadline)
        sent += outcome.sent
        refused |= outcome.refused
        jobs = [job for job in jobs if outcome.found[job] == each and job not in refused]
        each = max(1, BATCH // max(1, len(jobs)))
    if refused:
        raise PartlyFailed(sent, refused)
    return sent


@dataclass(frozen=True, slots=True)
class _Round:
    """How many messages were sent, how many runs each job had, and why queues refused messages, by job."""

    sent: int
    found: Counter[str]
    refused: dict[str, str]


def _send_round(con: Connection, jobs: list[str], each: int, now: datetime, deadline: Deadline) -> _Round:
    """Send messages for up to `each` runs of every job, those of the first job first."""
    if not jobs:
        return _Round(0, Counter(), {})
    horizon = now + timedelta(seconds=sqs.MAX_DELAY_SECONDS)
    rows = con.query(
        _DUE, jobs=to_json(jobs), each=each, now=now, horizon=horizon, overdue=now - RESEND_AFTER
    )
    rows.sort(key=lambda row: (jobs.index(row[0]), row[3]))
    delivery = messages.deliver(con, [messages.Pointer(*row) for row in rows], deadline)
    return _Round(delivery.sent, Counter(row[0] for row in rows), delivery.refused)


def _in_turn(now: datetime) -> list[str]:
    """The jobs, beginning with another one each minute, so that the first is not always the same."""
    jobs = list(JOBS)
    first = int(now.timestamp() // 60) % max(1, len(jobs))
    return jobs[first:] + jobs[:first]


# Both leave a row that somebody holds for the next pass.
_FORGET_MESSAGES = """
    UPDATE job_run SET message_at = NULL WHERE id = ANY(ARRAY(
        SELECT id FROM job_run WHERE state IN ('enqueued', 'scheduled') AND message_at IS NOT NULL
        FOR UPDATE SKIP LOCKED
    ))
"""
# With the array the runs are looked up by their ids: of the rows in `due` alone PostgreSQL expects so many that it
# would read the whole table.
_DUE = """
    WITH due AS MATERIALIZED (
        SELECT waiting.id, waiting.state
        FROM jsonb_array_elements_text(CAST(:jobs AS jsonb)) AS wanted(job), LATERAL (
            SELECT id, state FROM job_run
            WHERE job = wanted.job AND state IN ('enqueued', 'scheduled')
              AND due_at <= CAST(:horizon AS timestamptz)
              AND (message_at IS NULL OR message_at <= CAST(:overdue AS timestamptz))
            ORDER BY due_at LIMIT CAST(:each AS integer) FOR UPDATE SKIP LOCKED
        ) AS waiting
    ), sent AS (
        UPDATE job_run AS run
        SET message_at = GREATEST(run.due_at, CAST(:now AS timestamptz)),
            state = CASE WHEN run.due_at <= CAST(:now AS timestamptz) THEN 'enqueued' ELSE run.state END
        FROM due WHERE run.id = due.id AND run.id = ANY(ARRAY(SELECT id FROM due))
        RETURNING run.id, run.job, run.attempt, run.due_at, run.state, due.state AS was
    ), noted AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, CAST(:now AS timestamptz), was, state, 'due', 'dispatcher' FROM sent WHERE state <> was
    )
    SELECT job, id::text, attempt + 1, due_at FROM sent
"""


def rescue_lost(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Close the attempts whose lease is over, and retry or fail their runs.

    A run that somebody holds is left for the next pass. Raises PartlyFailed when some could not be rescued.
    """
    rows = con.query(
        """
        SELECT job, id::text, attempt, failures, max_attempts FROM job_run
        WHERE state = 'processing' AND lease_until < CAST(:over AS timestamptz)
        ORDER BY lease_until LIMIT 1000
        """,
        over=now - LEASE_GRACE,
    )
    return for_each(rows, lambda row: str(row[0]), lambda row: _rescue(con, now, *row[1:]), deadline)


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
            WHERE id = (
                SELECT id FROM job_run
                WHERE id = CAST(:run_id AS uuid) AND attempt = CAST(:attempt AS integer)
                  AND lease_until < CAST(:now AS timestamptz)
                FOR UPDATE SKIP LOCKED
            )
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
    pointers = promotion.promote(con, [row[0] for row in rows], now)
    if message_at:
        pointers += [messages.Pointer(*row) for row in rows]
    messages.deliver(con, pointers)
    return len(rows)
