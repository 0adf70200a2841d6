"""SQS: messages are pointers to runs. The truth is in PostgreSQL, so a lost message is only late."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from slowmatch.db import Connection
from slowmatch.settings import settings
from slowmatch.telemetry import logger

MAX_DELAY_SECONDS = 900
"""SQS's longest DelaySeconds; what is due later is sent by the dispatcher."""


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
    import boto3

    return boto3.client("sqs")


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
