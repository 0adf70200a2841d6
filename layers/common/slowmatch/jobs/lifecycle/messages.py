"""Messages to SQS: each names a run. PostgreSQL is the source of truth, so a lost message only delays its run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slowmatch.aws import sqs
from slowmatch.db import Connection, ExternalConnection
from slowmatch.deadline import NEVER, Deadline
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import settings

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
    rejected: dict[str, str] = field(default_factory=dict)


def queue_url(job: str) -> str:
    return settings().queue_url_prefix + job


def visible_at(due_at: datetime, now: datetime) -> datetime | None:
    """When a message sent `now` for a run due at `due_at` becomes visible.

    None if SQS cannot delay it that long; the dispatcher sends it later.
    """
    return max(due_at, now) if due_at <= now + timedelta(seconds=sqs.MAX_DELAY_SECONDS) else None


def send(
    con: Connection | ExternalConnection,
    messages: Sequence[RunMessage],
    deadline: Deadline = NEVER,
    *,
    in_order: bool = True,
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
        to_send = [message.to_sqs(now) for message in of_job]
        left = sqs.send(queue_url(job), to_send, deadline, in_order=in_order)
        unsent += left.ids
        if left.reason is not None:
            result.rejected[job] = left.reason
    if unsent:
        con.query(FORGET_MESSAGES, ids=unsent)
    result.sent = len(messages) - len(unsent)
    return result
