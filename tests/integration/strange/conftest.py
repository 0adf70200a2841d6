"""All that the functions need to be invoked here; nobody listens for mail."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from slowmatch.db import Connection
from slowmatch.jobs import queue
from slowmatch.jobs.catalog import JOBS
from slowmatch.notify import queue as deliveries
from tests.conftest import STACK
from tests.integration.strange.trials import Trials


@pytest.fixture
def trials(con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trials]:
    for name in (*JOBS, *(f"{job}-dead" for job in JOBS), "notify"):
        boto3.client("sqs").create_queue(QueueName=f"{STACK}-{name}")
    remembered = (queue.sqs, deliveries.sqs)
    for each in remembered:
        each.cache_clear()
    yield Trials(con, lambda_context)
    for each in remembered:
        each.cache_clear()
