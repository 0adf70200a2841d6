"""How much waits: messages in SQS and runs in the database, by job."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from slowmatch.aws import clients, sqs
from slowmatch.db import Connection
from slowmatch.db.counts import CappedCount, count_up_to_cap
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.lifecycle.messages import queue_url
from slowmatch.telemetry import logger
from slowmatch.text import to_json

KEPT_SECONDS = 5
_ATTRIBUTES = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class Depths:
    """Messages `visible`, `in_flight`, `delayed` and `dead` of each job whose queues can be read.

    `problem` says which cannot.
    """

    jobs: dict[str, dict[str, int]]
    problem: str | None = None

    @property
    def dead(self) -> int:
        """Dead letters of the jobs whose queues can be read."""
        return sum(depth["dead"] for depth in self.jobs.values())


def depths() -> Depths:
    """SQS's approximate counts, at most KEPT_SECONDS old."""
    now = time.monotonic()
    if not _read or now - _read[-1][0] >= KEPT_SECONDS:
        _read[:] = [(now, _depths())]
    return _read[-1][1]


_read: list[tuple[float, Depths]] = []


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
        logger.error(f"queue {queue_url(name)} cannot be read: {clients.refusal(error)}")
        return None
    return {name: int(answer["Attributes"][attribute]) for name, attribute in _ATTRIBUTES.items()}


@dataclass(frozen=True, slots=True)
class WaitingRuns:
    """A job's enqueued and processing runs, and when the oldest run that is due and waits was due."""

    enqueued: CappedCount
    processing: CappedCount
    oldest_due_at: datetime | None


def waiting_runs(con: Connection, now: datetime) -> dict[str, WaitingRuns]:
    """By job of the catalog."""
    rows = con.query(_WAITING_RUNS, names=to_json(list(JOBS)), now=now)
    return {
        job: WaitingRuns(CappedCount.of(enqueued), CappedCount.of(processing), oldest)
        for job, enqueued, processing, oldest in rows
    }


# PostgreSQL expects the same number of rows of any JSON, and keeps its plan; an array makes it plan again each time.
_WAITING_RUNS = f"""
    SELECT wanted.name,
           {count_up_to_cap("job_run AS run WHERE run.job = wanted.name AND run.state = 'enqueued'")},
           {count_up_to_cap("job_run AS run WHERE run.job = wanted.name AND run.state = 'processing'")}, (
               SELECT run.due_at FROM job_run AS run
               WHERE run.job = wanted.name AND run.state IN ('enqueued', 'scheduled')
                 AND run.due_at <= :now::timestamptz
               ORDER BY run.due_at LIMIT 1
           )
    FROM jsonb_array_elements_text(:names::jsonb) AS wanted(name)
"""
