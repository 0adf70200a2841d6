"""Sends the messages of due runs: those that have none yet, and those whose message may be lost."""

from collections import Counter
from datetime import datetime, timedelta

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.dispatcher.isolation import PartlyFailed
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.lifecycle.disabled_jobs import jobs_to_probe
from slowmatch.text import to_json

RESEND_AFTER = timedelta(minutes=10)
"""A message that should have been claimed this long ago counts as lost."""
MESSAGES_PER_ROUND = 500
"""Of all jobs together."""
MAX_MESSAGES_PER_PASS = 20_000
"""A longer backlog waits for the next pass, so that it is not sent again and again."""


def send_due(con: Connection, now: datetime, deadline: Deadline = NEVER, *, resend_all: bool = False) -> int:
    """Send a message for each run that is due within SQS's longest delay and has no message. Returns how many.

    The jobs of the catalog take turns, each with its oldest runs, so that neither a backlog nor a broken queue
    holds up another job. `resend_all` also sends messages again that were sent before: after a queue was purged.
    A disabled job gets no messages, except that one of its runs is tried from time to time.

    Raises PartlyFailed when queues rejected messages.
    """
    if resend_all:
        con.query(_FORGET_MESSAGES)
    probes = jobs_to_probe(con, now)
    probed = [job for job, is_time in probes.items() if is_time]
    _, delivery = _send_round(con, now, probed, each=1, deadline=deadline)
    sent, rejected = delivery.sent, delivery.rejected
    jobs = [job for job in _in_turn(now) if job not in probes]
    each = sqs.MAX_BATCH  # at first one call per queue: a broken queue costs no more
    while jobs and sent < MAX_MESSAGES_PER_PASS and not deadline.is_over:
        each = min(each, max(1, (MAX_MESSAGES_PER_PASS - sent) // len(jobs)))
        found, delivery = _send_round(con, now, jobs, each=each, deadline=deadline)
        sent += delivery.sent
        rejected |= delivery.rejected
        jobs = [job for job in jobs if found[job] == each and job not in rejected]
        each = max(1, MESSAGES_PER_ROUND // max(1, len(jobs)))
    if rejected:
        raise PartlyFailed(sent, rejected)
    return sent


def _send_round(
    con: Connection, now: datetime, jobs: list[str], *, each: int, deadline: Deadline
) -> tuple[Counter[str], messages.Sent]:
    """Send messages for up to `each` runs of every job, in their order. Returns how many were due, by job, too."""
    if not jobs:
        return Counter(), messages.Sent()
    horizon = now + timedelta(seconds=sqs.MAX_DELAY_SECONDS)
    rows = con.query(
        _DUE, jobs=to_json(jobs), each=each, now=now, horizon=horizon, overdue=now - RESEND_AFTER
    )
    due = [messages.RunMessage(*row) for row in rows]
    due.sort(key=lambda message: (jobs.index(message.job), message.due_at))
    return Counter(message.job for message in due), messages.send(con, due, deadline)


def _in_turn(now: datetime) -> list[str]:
    """The jobs, starting with another one each minute, so that none is always first."""
    jobs = list(JOBS)
    first = int(now.timestamp() // 60) % max(1, len(jobs))
    return jobs[first:] + jobs[:first]


# Both statements leave a row that another session has locked for the next pass.
_FORGET_MESSAGES = """
    UPDATE job_run SET message_at = NULL WHERE id = ANY(ARRAY(
        SELECT id FROM job_run WHERE state IN ('enqueued', 'scheduled') AND message_at IS NOT NULL
        FOR UPDATE SKIP LOCKED
    ))
"""
# The array makes PostgreSQL look the runs up by id: it expects so many rows in `due` that it would otherwise read
# the whole table.
_DUE = """
    WITH due AS MATERIALIZED (
        SELECT waiting.id, waiting.state
        FROM jsonb_array_elements_text(:jobs::jsonb) AS wanted(job), LATERAL (
            SELECT id, state FROM job_run
            WHERE job = wanted.job AND state IN ('enqueued', 'scheduled')
              AND due_at <= :horizon::timestamptz
              AND (message_at IS NULL OR message_at <= :overdue::timestamptz)
            ORDER BY due_at LIMIT :each::integer FOR UPDATE SKIP LOCKED
        ) AS waiting
    ), sent AS (
        UPDATE job_run AS run
        SET message_at = GREATEST(run.due_at, :now::timestamptz),
            state = CASE WHEN run.due_at <= :now::timestamptz THEN 'enqueued' ELSE run.state END
        FROM due WHERE run.id = due.id AND run.id = ANY(ARRAY(SELECT id FROM due))
        RETURNING run.id, run.job, run.attempt, run.due_at, run.state, due.state AS was
    ), noted AS (
        INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
        SELECT id, :now::timestamptz, was, state, 'due', 'dispatcher' FROM sent WHERE state <> was
    )
    SELECT job, id::text, attempt + 1, due_at FROM sent
"""
