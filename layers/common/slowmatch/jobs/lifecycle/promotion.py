"""Promotes the runs of exclusive jobs, one after the other.

A run that finds another one processing waits without a message, so waiting costs nothing, however many runs wait.
The run that finishes promotes the one that has waited longest. The dispatcher promotes a run if its job is idle.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import MAX_EARLY_START
from slowmatch.jobs.lifecycle.messages import RunMessage

MAX_WAIT_WITHOUT_MESSAGE = timedelta(hours=1)
"""How long a run waits for its turn before the dispatcher sends it a message anyway.

Until then its `message_at` lies in the future, unlike that of a run whose message is visible or lost.
"""
WAITS = "waiting for the run that is processing"

# Reads the jobs in the common table expression `idle`. Their runs are found first and once: a join may repeat the
# subquery, and would then find another run, which is not locked yet. As an array, they would be looked for in the whole
# table, as PostgreSQL expects ten in it.
PROMOTE_NEXT = """
    WITH next AS MATERIALIZED (
        SELECT waiting.id
        FROM idle, LATERAL (
            SELECT id
            FROM job_run
            WHERE job = idle.job AND state = 'enqueued' AND exclusive AND message_at > :now::timestamptz
            ORDER BY due_at
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS waiting
    )
    UPDATE job_run AS run
    SET message_at = :now::timestamptz
    FROM next
    WHERE run.id = next.id
    RETURNING run.job, run.id::text AS run_id, run.attempt + 1 AS attempt, run.due_at
"""
PROMOTE = f"""
    WITH idle AS (
        SELECT name AS job
        FROM unnest(:jobs::text[]) AS name
        WHERE NOT EXISTS (SELECT FROM job_run WHERE job = name AND state = 'processing' AND exclusive)
    ), promoted AS ({PROMOTE_NEXT})
    SELECT job, run_id, attempt, due_at FROM promoted
"""
WAIT = """
    WITH waiting AS (
        SELECT id, state
        FROM job_run
        WHERE id = :run_id::uuid
          AND attempt = :attempt::integer - 1
          AND state IN ('enqueued', 'scheduled')
          AND (message_at <= :due_by::timestamptz) IS NOT FALSE
        FOR UPDATE
    ), event AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, state, 'enqueued', :reason, 'worker'
        FROM waiting
        WHERE state = 'scheduled'
    )
    UPDATE job_run AS run
    SET state = 'enqueued', message_at = :until::timestamptz
    FROM waiting
    WHERE run.id = waiting.id
    RETURNING run.id
"""


def let_wait(con: Connection, job: str, run_id: str, attempt: int) -> bool:
    """Let a run wait for its turn; False if it no longer waits for `attempt`, or has another message."""
    now = con.now()
    rows = con.query(
        WAIT,
        run_id=run_id,
        attempt=attempt,
        now=now,
        due_by=now + MAX_EARLY_START,
        until=now + MAX_WAIT_WITHOUT_MESSAGE,
        reason=WAITS,
    )
    if rows:
        promote_and_send(con, [job])  # the other run may have finished before this one was seen to wait
    return bool(rows)


def promote_and_send(con: Connection, jobs: Sequence[str], deadline: Deadline = NEVER) -> int:
    """Promote the next run of each of these jobs that is idle, and return how many messages were sent."""
    return messages.send(con, promote(con, jobs, con.now()), deadline).sent


def promote(con: Connection, jobs: Sequence[str], now: datetime) -> list[RunMessage]:
    """Promote the run that has waited longest, in each of these jobs that is idle. The caller sends the messages."""
    return [RunMessage(*row) for row in con.query(PROMOTE, now=now, jobs=list(jobs))]
