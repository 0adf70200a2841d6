"""Rescues runs whose worker was lost: it ended without finishing its attempt, and the lease is over."""

from datetime import datetime, timedelta

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.dispatcher.isolation import for_each
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import LeasedAttempt
from slowmatch.jobs.lifecycle.finish import EndedAttempt, finish_once
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.retry import Lost, retry_or_fail

LEASE_GRACE = timedelta(seconds=5)
MAX_RUNS_PER_PASS = 1000
LOST_ATTEMPTS = """
    SELECT in_batch, id::text, job, attempt, failures, max_attempts, lease_until
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
    lost = [_lost(LeasedAttempt(*row), now, in_batch=in_batch) for in_batch, *row in rows]
    return for_each(lost, lambda attempt: attempt.leased.job, lambda attempt: _rescue(con, attempt), deadline)


def _lost(leased: LeasedAttempt, now: datetime, *, in_batch: bool) -> EndedAttempt:
    """A lost attempt is a failure, unless any other run of its batch may have killed the worker."""
    if in_batch:
        result = AttemptResult(
            outcome="lost",
            state="enqueued",
            reason="the worker of its batch disappeared: it was killed, timed out or crashed; starts again, alone",
            failures=leased.failures,
            due_at=now,
        )
    else:
        result = retry_or_fail(
            Lost("the worker disappeared: it was killed, timed out or crashed"),
            outcome="lost",
            failures=leased.failures + 1,
            max_attempts=leased.max_attempts,
            now=now,
        )
    return EndedAttempt(leased=leased, result=result, at=now)


def _rescue(con: Connection, lost: EndedAttempt) -> int:
    leased = lost.leased
    with con.transaction():
        if not con.query(
            "SELECT FROM job_run WHERE id = :run_id::uuid FOR UPDATE SKIP LOCKED", run_id=leased.run_id
        ):
            return 0
        finished = finish_once(con, [lost], actor="dispatcher")
    if not finished.run_ids:
        return 0
    telemetry.logger.warning(
        f"attempt {leased.attempt} of run {leased.run_id} of {leased.job} was lost; {lost.result.reason}"
    )
    telemetry.count("AttemptLost", job=leased.job)
    messages.send(con, finished.messages)
    return 1
