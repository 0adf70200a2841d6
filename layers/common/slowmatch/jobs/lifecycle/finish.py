"""Finishes attempts, as long as the worker still holds the lease."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.db import Connection, StatementError, Unavailable
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import FEW, LeasedAttempt
from slowmatch.jobs.lifecycle.messages import RunMessage
from slowmatch.jobs.lifecycle.promotion import PROMOTE_NEXT
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.model import AttemptResult
from slowmatch.settings import settings
from slowmatch.text import to_json

SECONDS_BEFORE_REPETITION = 0.5
MAX_ATTEMPTS_IN_A_ROW = 12
"""How many attempts of a run follow one another by messages that its function sends to its own queue.

The dispatcher sends the next one. So a handler that always returns `Continue` makes no more attempts than this
between two passes of the dispatcher. Lambda itself would end a chain of about 16.
"""

# How many attempts of a job failed in a row since its last success. Only failures, and the success after them, write
# here. What was lost with its batch is no failure. Reads `finished`.
COUNT_FAILURES = """
    tally AS (
        SELECT job,
               bool_or(state = 'succeeded') AS has_succeeded,
               count(*) FILTER (WHERE has_failed) AS in_a_row,
               min(at) FILTER (WHERE has_failed) AS since
        FROM (
            SELECT job, state, at, state <> 'enqueued' AND outcome IN ('failed', 'lost')
                   AND (at > max(at) FILTER (WHERE state = 'succeeded') OVER (PARTITION BY job)) IS NOT FALSE
                   AS has_failed
            FROM finished
        ) AS ended
        GROUP BY job
    ), failing AS (
        INSERT INTO job_failures AS known (job, in_a_row, since)
        SELECT job, in_a_row, since FROM tally WHERE in_a_row > 0
        ON CONFLICT (job) DO UPDATE
        SET (in_a_row, since) = (
            SELECT CASE WHEN has_succeeded THEN 0 ELSE known.in_a_row END + tally.in_a_row,
                   CASE WHEN has_succeeded THEN tally.since ELSE known.since END
            FROM tally WHERE tally.job = known.job
        )
        RETURNING job, in_a_row, since
    ), works_again AS (
        DELETE FROM job_failures USING tally
        WHERE job_failures.job = tally.job AND has_succeeded AND tally.in_a_row = 0
    ), untold AS (
        SELECT finished.*, failing.in_a_row, failing.since
        FROM finished JOIN failing ON failing.job = finished.job
        WHERE outcome IN ('failed', 'lost')
          AND NOT EXISTS (SELECT FROM job WHERE job.name = finished.job AND job.muted_until > finished.at)
    )
"""
# Later than all that the job's destinations were told before, although two functions' clocks differ by milliseconds.
_NOTIFIED_AT = """
    GREATEST({0}.at, (
        SELECT max(at) + interval '1 microsecond'
        FROM notification
        WHERE job = {0}.job AND event IN ('failed', 'recovered')
    ))
"""
_NOTIFICATION = "INSERT INTO notification (at, event, job, run_id, key, detail)"
_RECOVERED = f"""
    SELECT {_NOTIFIED_AT.format("finished")}, 'recovered', finished.job, finished.id, last.id::text,
           jsonb_build_object('failed_run_id', last.run_id, 'failed_at', last.at)
    FROM finished, LATERAL (
        SELECT id, event, run_id, at
        FROM notification
        WHERE job = finished.job AND event IN ('failed', 'recovered')
        ORDER BY at DESC
        LIMIT 1
    ) AS last
    WHERE state = 'succeeded' AND last.event = 'failed'
"""
# Runs that failed for good; before that, once, a job whose attempts fail in a row; the first success of a job after
# that. Reads `finished` and `untold`.
NOTIFY = f"""
    {_NOTIFICATION}
    SELECT {_NOTIFIED_AT.format("untold")}, 'failed', job, id, id || ' ' || attempt,
           jsonb_build_object('error', error, 'attempt', attempt)
    FROM untold
    WHERE state = 'failed'
    UNION ALL
    SELECT {_NOTIFIED_AT.format("untold")}, 'failed', job, id, job || ' since ' || since,
           jsonb_build_object('error', error, 'failures', in_a_row, 'next_at', due_at)
    FROM untold
    WHERE state = 'scheduled' AND in_a_row >= :notify_after_failures::integer
      AND NOT EXISTS (SELECT FROM untold AS other WHERE other.job = untold.job AND other.state = 'failed')
      AND NOT EXISTS (
          SELECT FROM notification AS known
          WHERE known.job = untold.job AND known.event = 'failed' AND known.at >= since
      )
    UNION ALL
    {_RECOVERED}
    ON CONFLICT DO NOTHING
    RETURNING id
"""
# The state is `processing` exactly when there is a lease. IS TRUE: see claim.CLAIM. PostgreSQL leaves `unlocked` out
# unless it is read. Then it adds 4 us to the 75 us of a run that is finished with a hundred others.
_WRITE_RESULTS = f"""
    WITH result AS (
        SELECT *
        FROM jsonb_to_recordset(:attempts::jsonb) AS each(
            run_id uuid, attempt integer, lease_until timestamptz, started_at timestamptz, at timestamptz,
            state text, outcome text, reason text, failures integer, due_at timestamptz, message_at timestamptz,
            value text, cursor jsonb, progress jsonb, lines jsonb,
            error text, error_type text, error_message text, traceback text
        )
        WHERE {FEW}
    ), unlocked AS (
        SELECT result.*
        FROM result, LATERAL (
            SELECT id
            FROM job_run
            WHERE id = result.run_id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS run
    ), finished AS (
        UPDATE job_run AS run
        SET state = result.state,
            lease_until = NULL,
            claim_alone = result.outcome = 'lost',
            failures = result.failures,
            finished_at = CASE WHEN result.state IN ('succeeded', 'failed') THEN result.at END,
            due_at = COALESCE(result.due_at, run.due_at),
            message_at = result.message_at,
            result = result.value::jsonb,
            error = COALESCE(result.error, CASE result.state WHEN 'enqueued' THEN run.error END),
            cursor = COALESCE(result.cursor, run.cursor),
            progress = COALESCE(result.progress, run.progress)
        FROM %s AS result
        WHERE id = result.run_id
          AND (run.attempt = result.attempt AND run.lease_until = result.lease_until) IS TRUE
        RETURNING id, job, exclusive, run.state, result.outcome, run.attempt, run.error, run.due_at, result.at
    ), attempt AS (
        UPDATE job_attempt AS attempt
        SET started_at = COALESCE(result.started_at, attempt.started_at),
            finished_at = finished.at,
            outcome = result.outcome,
            error_type = result.error_type,
            error_message = result.error_message,
            traceback = result.traceback
        FROM finished JOIN result ON run_id = id
        WHERE attempt.run_id = id AND number = result.attempt
    ), event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, finished.at, 'processing', finished.state, reason, :actor
        FROM finished JOIN result ON run_id = id
    ), log AS (
        INSERT INTO job_log (run_id, attempt, at, level, message)
        SELECT run_id, result.attempt, line.at, line.level, line.message
        FROM finished JOIN result ON run_id = id,
             jsonb_to_recordset(lines) AS line(at timestamptz, level text, message text)
    )
"""
_PROMOTE_AND_TELL = f"""
    idle AS (  -- the job is, once this statement is done
        SELECT job FROM finished WHERE exclusive
    ), promoted AS (
        {PROMOTE_NEXT}
    )
    SELECT (SELECT json_agg(id) FROM finished), ARRAY(SELECT id::text FROM notified), promoted.*
    FROM (SELECT) AS one_row LEFT JOIN promoted ON true
"""
_FINISH = f"""
    {_WRITE_RESULTS}, {COUNT_FAILURES}, notified AS (
        {NOTIFY}
    ), {_PROMOTE_AND_TELL}
"""
# For results that all succeeded. PostgreSQL prepares every part of a statement, even one that finds nothing to do: the
# parts of failures take a fifth of the time to finish a run that succeeds alone.
_FINISH_SUCCEEDED = f"""
    {_WRITE_RESULTS}, works_again AS (
        DELETE FROM job_failures WHERE job IN (SELECT job FROM finished)
    ), notified AS (
        {_NOTIFICATION}
        {_RECOVERED}
        ON CONFLICT DO NOTHING
        RETURNING id
    ), {_PROMOTE_AND_TELL}
"""
FINISH, FINISH_SUCCEEDED = _FINISH % "result", _FINISH_SUCCEEDED % "result"
FINISH_BATCH, FINISH_BATCH_SUCCEEDED = _FINISH % "unlocked", _FINISH_SUCCEEDED % "unlocked"
# What FINISH answered when the connection broke: its rows again, without the notifications, which the dispatcher
# publishes in its next pass. All its changes were committed, or none.
FIND_FINISHED = """
    WITH finished AS (
        SELECT attempt.run_id
        FROM jsonb_to_recordset(:attempts::jsonb) AS result(run_id uuid, attempt integer, at timestamptz, outcome text)
             JOIN job_attempt AS attempt
             ON attempt.run_id = result.run_id
                AND number = result.attempt
                AND finished_at = result.at
                AND attempt.outcome = result.outcome
    ), promoted AS (
        SELECT job, id::text AS run_id, attempt + 1 AS attempt, due_at
        FROM job_run
        WHERE state = 'enqueued' AND exclusive AND message_at = :now::timestamptz
          AND job IN (SELECT job FROM finished JOIN job_run ON id = finished.run_id)
    )
    SELECT (SELECT json_agg(run_id) FROM finished), ARRAY[]::text[], promoted.*
    FROM (SELECT) AS one_row LEFT JOIN promoted ON true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that is over, and what is to be written about it. `at` is its end, `started_at` its start.

    Without `started_at`, the attempt started when it was claimed. It `is_cancelled` if its handler stopped because it
    learned that a run was stopped or taken over.
    """

    leased: LeasedAttempt
    result: AttemptResult
    at: datetime
    started_at: datetime | None = None
    reports: Reports = field(default_factory=Reports)
    is_cancelled: bool = False

    @property
    def next_message(self) -> RunMessage | None:
        """The message for the run's next attempt; None if there is none, or if the dispatcher has to send it."""
        due_at = self.result.due_at
        if due_at is None or is_last_in_a_row(self.leased):
            return None
        return RunMessage(self.leased.job, self.leased.run_id, self.leased.attempt + 1, due_at)

    @property
    def message_at(self) -> datetime | None:
        following = self.next_message
        return messages.visible_at(following.due_at, self.at) if following else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The ids of the runs whose attempts were still ours, and what the caller has to send."""

    run_ids: set[str]
    messages: list[RunMessage]
    notification_ids: list[str]


def finish(con: Connection, attempts: Sequence[EndedAttempt], *, skip_locked: bool = False) -> Finished:
    """Close the attempts, move their runs on, and promote the next run of an exclusive job, in one statement.

    Attempts whose runs somebody has locked are waited for, or left out. Unless `is_unstorable` says that it is in
    vain, this is tried twice: if the connection broke, the first time may have changed the runs.
    """
    try:
        return finish_once(con, attempts, skip_locked=skip_locked)
    except Exception as error:
        if is_unstorable(error):
            raise
        time.sleep(SECONDS_BEFORE_REPETITION)
        return _find_finished(con, attempts) or finish_once(con, attempts, skip_locked=skip_locked)


def is_unstorable(error: Exception) -> bool:
    """Whether JSON or PostgreSQL cannot hold the results; anything else passes, like a lock or a lost connection."""
    if isinstance(error, StatementError):
        return error.is_about_data
    return not isinstance(error, Unavailable)


def finish_once(
    con: Connection, attempts: Sequence[EndedAttempt], *, actor: str = "worker", skip_locked: bool = False
) -> Finished:
    """Finish attempts like `finish`, but only try once. Raises Unavailable and StatementError."""
    values = _values(attempts) | {"actor": actor}
    if all(each.result.state == "succeeded" for each in attempts):
        rows = con.query(FINISH_BATCH_SUCCEEDED if skip_locked else FINISH_SUCCEEDED, **values)
    else:
        values["notify_after_failures"] = settings().notify_after_failures
        rows = con.query(FINISH_BATCH if skip_locked else FINISH, **values)
    return _finished(attempts, rows)


def _find_finished(con: Connection, attempts: Sequence[EndedAttempt]) -> Finished | None:
    """What `finish_once` changed, whose answer was lost; None if it changed nothing."""
    found = _finished(attempts, con.query(FIND_FINISHED, **_values(attempts)))
    return found if found.run_ids else None


def _finished(attempts: Sequence[EndedAttempt], rows: list[list[Any]]) -> Finished:
    run_ids, notification_ids = set(rows[0][0] or ()), rows[0][1]
    promoted = [RunMessage(*run) for _, _, *run in rows if run[0]]
    following = [each.next_message for each in attempts if each.leased.run_id in run_ids and each.message_at]
    to_send = [*promoted, *filter(None, following)]
    return Finished(run_ids=run_ids, messages=to_send, notification_ids=notification_ids)


def _values(attempts: Sequence[EndedAttempt]) -> dict[str, Any]:
    return {
        "attempts": to_json([_row(each) for each in attempts]),
        "now": max(each.at for each in attempts),
    }


def _row(ended: EndedAttempt) -> dict[str, Any]:
    """What FINISH reads of the attempt; it takes what is missing as null."""
    row = vars(ended.result) | {
        "error": ended.result.error,
        "run_id": ended.leased.run_id,
        "attempt": ended.leased.attempt,
        "lease_until": ended.leased.lease_until,
        "started_at": ended.started_at,
        "at": ended.at,
        "message_at": ended.message_at,
        "progress": ended.reports.progress,
        "lines": ended.reports.lines or None,
    }
    return {name: value for name, value in row.items() if value is not None}


def is_last_in_a_row(leased: LeasedAttempt) -> bool:
    """Whether the dispatcher has to send the message for the run's next attempt."""
    return leased.attempt % MAX_ATTEMPTS_IN_A_ROW == 0
