"""SQS: messages are pointers to runs. The truth is in PostgreSQL, so a lost message is only late."""

import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from slowmatch.settings import settings
from slowmatch.telemetry import logger

MAX_DELAY_SECONDS = 900
"""SQS's longest DelaySeconds; what is due later is sent by the dispatcher."""
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


def deliver(con: Connection, pointers: Sequence[Pointer]) -> int:
    """Send the messages and return how many went out.

    What SQS does not take is noted on the run, so that the dispatcher's next tick sends it.
    """
    now = con.now()
    unsent: list[str] = []
    by_job: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        by_job.setdefault(pointer.job, []).append(pointer)
    for job, batch in by_job.items():
        for start in range(0, len(batch), 10):
            unsent += _send(job, batch[start : start + 10], now)
    if unsent:
        con.query("UPDATE job_run SET message_at = NULL WHERE id = ANY(CAST(:ids AS uuid[]))", ids=unsent)
    return len(pointers) - len(unsent)


@cache
def sqs() -> Any:
    """It gives up after seven seconds at most: the dispatcher sends later, and a page says that it does not know."""
    import boto3
    from botocore.config import Config

    patience = Config(
        connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    return boto3.client("sqs", config=patience)


def _send(job: str, batch: Sequence[Pointer], now: datetime) -> list[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    entries = [
        {
            "Id": str(number),
            "MessageBody": json.dumps({"run_id": pointer.run_id, "attempt": pointer.attempt}),
            "DelaySeconds": _delay(pointer.due_at, now),
        }
        for number, pointer in enumerate(batch)
    ]
    try:
        refused = sqs().send_message_batch(QueueUrl=url(job), Entries=entries).get("Failed", [])
    except (BotoCoreError, ClientError) as error:
        logger.warning(f"queue {url(job)} took no message: {error}; the dispatcher will send again")
        return [pointer.run_id for pointer in batch]
    for entry in refused:
        logger.warning(
            f"queue {url(job)} refused a message: {entry.get('Message')}; the dispatcher will send again"
        )
    return [batch[int(entry["Id"])].run_id for entry in refused]


def _delay(due_at: datetime, now: datetime) -> int:
    return min(max(math.ceil((due_at - now).total_seconds()), 0), MAX_DELAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Depths:
    """Messages `visible`, `in_flight`, `delayed` and `dead` of each job; without them `problem` says why."""

    jobs: dict[str, dict[str, int]]
    problem: str | None = None


def depths() -> Depths:
    """How many messages there are, by SQS's approximate figures, at most five seconds old."""
    client, now = sqs(), time.monotonic()
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
    from botocore.exceptions import BotoCoreError, ClientError

    names = [name for job in JOBS for name in (job, f"{job}-dead")]
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            found = dict(zip(names, pool.map(_depth, names), strict=True))
    except (BotoCoreError, ClientError) as error:
        logger.error(f"the queues cannot be read: {error}")
        return Depths({}, "the queues cannot be read; the function's log has the reason")
    return Depths({job: {**found[job], "dead": found[f"{job}-dead"]["visible"]} for job in JOBS})


def _depth(name: str) -> dict[str, int]:
    answer = sqs().get_queue_attributes(QueueUrl=url(name), AttributeNames=list(_ATTRIBUTES.values()))
    return {word: int(answer["Attributes"][attribute]) for word, attribute in _ATTRIBUTES.items()}
