"""SQS: messages are pointers to runs. The truth is in PostgreSQL, so a lost message is only late."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slowmatch.aws import sqs
from slowmatch.db import Connection, OtherConnection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import settings


@dataclass(frozen=True, slots=True)
class RunMessage:
    """One message: start attempt number `attempt` of a run, at `due_at`."""

    job: str
    run_id: str
    attempt: int
    due_at: datetime


def url(job: str) -> str:
    return settings().queue_url_prefix + job


@dataclass(slots=True)
class Delivery:
    """How many messages SQS took, and, by job, why it refused others."""

    sent: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def deliver(
    con: Connection | OtherConnection, pointers: Sequence[RunMessage], deadline: Deadline = NEVER
) -> Delivery:
    """Send the messages. A queue that takes none of a batch is asked no further, and the others get theirs.

    What SQS does not take before the deadline is noted on the run, so that the dispatcher's next pass sends it.
    Nothing is sent to a job that is not in the catalog.
    """
    now, done = con.now(), Delivery()
    unsent: list[str] = []
    by_job: dict[str, list[RunMessage]] = {}
    for pointer in pointers:
        by_job.setdefault(pointer.job, []).append(pointer)
    for job, waiting in by_job.items():
        if job not in JOBS:
            unsent += [pointer.run_id for pointer in waiting]
            continue
        left = sqs.send(url(job), [_message(pointer, now) for pointer in waiting], deadline)
        unsent += left.ids
        if left.reason is not None:
            done.refused[job] = left.reason
    if unsent:
        con.query("UPDATE job_run SET message_at = NULL WHERE id = ANY(CAST(:ids AS uuid[]))", ids=unsent)
    done.sent = len(pointers) - len(unsent)
    return done


def _message(pointer: RunMessage, now: datetime) -> sqs.Message:
    body = {"run_id": pointer.run_id, "attempt": pointer.attempt}
    return sqs.Message(pointer.run_id, body, sqs.delay_seconds(pointer.due_at, now))
