"""Messages to SQS: each names a run. PostgreSQL is the source of truth, so a lost message only delays its run."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slowmatch.aws import sqs
from slowmatch.db import Connection, OtherConnection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import settings
from slowmatch.telemetry import logger

DEPTHS_KEPT_SECONDS = 5
FORGET_MESSAGES = "UPDATE job_run SET message_at = NULL WHERE id = ANY(:ids::uuid[])"


@dataclass(frozen=True, slots=True)
class RunMessage:
    """Asks for attempt number `attempt` of a run, at `due_at` (aware)."""

    job: str
    run_id: str
    attempt: int
    due_at: datetime

    def to_sqs(self, now: datetime) -> sqs.Message:
        body = {"run_id": self.run_id, "attempt": self.attempt}
        return sqs.Message(self.run_id, body, sqs.delay_seconds(self.due_at, now))


@dataclass(slots=True)
class Sent:
    """How many messages SQS accepted, and, by job, why it rejected others."""

    sent: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def queue_url(job: str) -> str:
    return settings().queue_url_prefix + job


def visible_at(due_at: datetime, now: datetime) -> datetime | None:
    """When a message sent `now` for a run due at `due_at` becomes visible.

    None if SQS cannot delay it that long; the dispatcher sends it later.
    """
    return max(due_at, now) if due_at <= now + timedelta(seconds=sqs.MAX_DELAY_SECONDS) else None


def send(
    con: Connection | OtherConnection, messages: Sequence[RunMessage], deadline: Deadline = NEVER
) -> Sent:
    """Send the messages, queue by queue. A queue that rejects a whole batch gets no more, the others get theirs.

    What SQS does not accept before the deadline is noted on the run, so that the dispatcher sends it in its next
    pass. Jobs that are not in the catalog get no messages.
    """
    now, result = con.now(), Sent()
    unsent: list[str] = []
    by_job: dict[str, list[RunMessage]] = {}
    for message in messages:
        by_job.setdefault(message.job, []).append(message)
    for job, of_job in by_job.items():
        if job not in JOBS:
            unsent += [message.run_id for message in of_job]
            continue
        left = sqs.send(queue_url(job), [message.to_sqs(now) for message in of_job], deadline)
        unsent += left.ids
        if left.reason is not None:
            result.refused[job] = left.reason
    if unsent:
        con.query(FORGET_MESSAGES, ids=unsent)
    result.sent = len(messages) - len(unsent)
    return result


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
            QueueUrl=queue_url(name), AttributeNames=list(_ATTRIBUTES.values())
        )
    except (BotoCoreError, ClientError) as error:
        logger.error(f"queue {queue_url(name)} cannot be read: {error}")
        return None
    return {word: int(answer["Attributes"][attribute]) for word, attribute in _ATTRIBUTES.items()}
