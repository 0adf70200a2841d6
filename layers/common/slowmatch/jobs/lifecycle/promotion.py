"""The runs of an exclusive job take turns.

A run that finds another one processing waits without a message of its own, so that waiting costs nothing
however many wait and however long. The run that finishes promotes the one that has waited longest; the
dispatcher does so for a job that is idle although runs wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.claim import MAX_EARLY_START

WITHOUT_MESSAGE = timedelta(hours=1)
"""How long a run waits for its turn before the dispatcher sends it a message all the same.

A `message_at` in the future tells a run that waits for its turn from one whose message is visible or lost.
"""

PROMOTE_NEXT = """
    next AS (
        UPDATE job_run SET message_at = CAST(:now AS timestamptz)
        WHERE id = (
            SELECT id FROM job_run
            WHERE job = (SELECT job FROM finished) AND state = 'enqueued' AND exclusive
              AND message_at > CAST(:now AS timestamptz)
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, job, attempt, due_at
    )
"""
"""The common table expression that promotes the next run of the job in `finished`."""


def wait(con: Connection, job: str, run_id: str, attempt: int) -> bool:
    """Let a run wait for its turn; False when it no longer waits for `attempt`, or has another message."""
    now = con.now()
    rows = con.query(
        """
        WITH waiting AS (
            SELECT id, state FROM job_run
            WHERE id = CAST(:id AS uuid) AND attempt = CAST(:attempt AS integer) - 1
              AND state IN ('enqueued', 'scheduled')
              AND (message_at <= CAST(:due_by AS timestamptz)) IS NOT FALSE
            FOR UPDATE
        ), noted AS (
            INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
            SELECT id, CAST(:now AS timestamptz), state, 'enqueued', 'waits for the run that is processing', 'worker'
            FROM waiting WHERE state = 'scheduled'
        )
        UPDATE job_run AS run SET message_at = CAST(:until AS timestamptz), state = 'enqueued'
        FROM waiting WHERE run.id = waiting.id
        RETURNING run.id
        """,
        id=run_id,
        attempt=attempt,
        until=now + WITHOUT_MESSAGE,
        now=now,
        due_by=now + MAX_EARLY_START,
    )
    if rows:
        give(con, [job])  # the other run may have finished before this one was seen to wait
    return bool(rows)


def give(con: Connection, jobs: Sequence[str], deadline: Deadline = NEVER) -> int:
    """Send a message to the next run of each of these jobs that is idle, and return how many went out."""
    return messages.deliver(con, promote(con, jobs, con.now()), deadline).sent


def promote(con: Connection, jobs: Sequence[str], now: datetime) -> list[messages.RunMessage]:
    """Give the turn to the run that has waited longest, in each of these jobs that is idle.

    An array is made once; a join may run the subquery again, which then finds the next run.
    """
    rows = con.query(
        """
        UPDATE job_run SET message_at = CAST(:now AS timestamptz)
        WHERE id = ANY(ARRAY(
            SELECT waiting.id FROM unnest(CAST(:jobs AS text[])) AS idle(job), LATERAL (
                SELECT id FROM job_run
                WHERE job = idle.job AND state = 'enqueued' AND exclusive
                  AND message_at > CAST(:now AS timestamptz)
                  AND NOT EXISTS (
                      SELECT FROM job_run WHERE job = idle.job AND state = 'processing' AND exclusive
                  )
                ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
            ) AS waiting
        ))
        RETURNING job, id::text, attempt + 1, due_at
        """,
        now=now,
        jobs=list(jobs),
    )
    return [messages.RunMessage(*row) for row in rows]
