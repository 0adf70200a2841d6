"""Rescues runs whose worker was lost: it ended without finishing its attempt, and the lease is over."""

from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import LeasedAttempt
from slowmatch.jobs.lifecycle.finish import finish_once
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.retry import Lost, retry_or_fail

LEASE_GRACE = timedelta(seconds=5)
MAX_RUNS_PER_PASS = 1000
LOST_ATTEMPTS = """
    SELECT id::text, job, attempt, failures, max_attempts, lease_until
    FROM job_run
    WHERE state = 'processing' AND lease_until < :over::timestamptz
    ORDER BY lease_until
    LIMIT :limit::integer
"""


def rescue(con: Connection, now: datetime, deadline: Deadline = NEVER) -> int:
    """Close the attempts whose lease is over, and retry or fail their runs. Returns how many.

    A run that another session has locked is left for the next pass. Raises PartlyFailed.
    """
    rows = con.query(LOST_ATTEMPTS, over=now - LEASE_GRACE, limit=MAX_RUNS_PER_PASS)
    lost = [LeasedAttempt(*row) for row in rows]
    return for_each(lost, lambda attempt: attempt.job, lambda attempt: _rescue(con, now, attempt), deadline)


def _rescue(con: Connection, now: datetime, lost: LeasedAttempt) -> int:
    result = retry_or_fail(
        Lost("the worker disappeared: it was killed, timed out or crashed"),
        outcome="lost",
        failures=lost.failures + 1,
        max_attempts=lost.max_attempts,
        now=now,
    )
    with con.transaction():
        if not con.query(
            "SELECT FROM job_run WHERE id = :run_id::uuid FOR UPDATE SKIP LOCKED", run_id=lost.run_id
        ):
            return 0
        finished = finish_once(con, lost, result, now, reports=Reports(), actor="dispatcher")
    if not finished.owned:
        return 0
    telemetry.logger.warning(
        f"attempt {lost.attempt} of run {lost.run_id} of {lost.job} was lost; {result.reason}"
    )
    telemetry.count("AttemptLost", job=lost.job)
    messages.send(con, finished.messages)
    return 1
