"""SQS: messages are pointers to runs. The truth is in PostgreSQL, so a lost message is only late."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slowmatch.aws import sqs
from slowmatch.db import Connection, OtherConnection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import settings
from slowmatch.telemetry import logger

DEPTHS_KEPT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Pointer:
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
    con: Connection | OtherConnection, pointers: Sequence[Pointer], deadline: Deadline = NEVER
) -> Delivery:
    """Send the messages. A queue that takes none of a batch is asked no further, and the others get theirs.

    What SQS does not take before the deadline is noted on the run, so that the dispatcher's next pass sends it.
    Nothing is sent to a job that is not in the catalog.
    """
    now, done = con.now(), Delivery()
    unsent: list[str] = []
    by_job: dict[str, list[Pointer]] = {}
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


def _message(pointer: Pointer, now: datetime) -> sqs.Message:
    body = {"run_id": pointer.run_id, "attempt": pointer.attempt}
    return sqs.Message(pointer.run_id, body, sqs.delay_seconds(pointer.due_at, now))


@dataclass(frozen=True, slots=True)
class Depths:
    """Messages `visible`, `in_flight`, `delayed` and `dead` of each job whose queues can be read.

    `problem` says which cannot.
    """

    jobs: dict[str, dict[str, int]]
    problem: str | None = None


def depths() -> Depths:
    """How many messages there are, by SQS's approximate figures, at most five seconds old."""
    client, now = sqs.client(), time.monotonic()
    if _read and _read[-1][0] is client and now - _read[-1][1] < DEPTHS_KEPT_SECONDS:
        return _read[-1][2]
    found = _depths()
    _read[:] = [(client, now, found)]
    return found


_read: list[tuple[Any, float, Depths]] = []
_ATTRIBUTES = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def _depths() -> Depths:
    names = [name for job in JOBS for name in (job, f"{job}-dead")]
    with ThreadPoolExecutor(len(names)) as pool:
        found = dict(zip(names, pool.map(_depth, names), strict=True))
    jobs = {
        job: {**work, "dead": dead["visible"]}
        for job in JOBS
        if (work := found[job]) is not None and (dead := found[f"{job}-dead"]) is not None
    }
    unread = [job for job in JOBS if job not in jobs]
    which = f" of {', '.join(unread)}" if jobs else ""
    problem = f"the queues{which} cannot be read; the function's log has the reason"
    return Depths(jobs, problem if unread else None)


def _depth(name: str) -> dict[str, int] | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = sqs.client().get_queue_attributes(
            QueueUrl=url(name), AttributeNames=list(_ATTRIBUTES.values())
        )
    except (BotoCoreError, ClientError) as error:
        logger.error(f"queue {url(name)} cannot be read: {error}")
        return None
    return {word: int(answer["Attributes"][attribute]) for word, attribute in _ATTRIBUTES.items()}
