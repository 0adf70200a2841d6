"""Slowmatch's own bookkeeping: a job that does nothing, and putting runs in."""

import json
from collections.abc import Iterator
from itertools import count
from time import perf_counter
from typing import Any

from benchmarks.peers.protocol import seconds, serve
from slowmatch.aws import sqs
from slowmatch.db import connection
from slowmatch.jobs import enqueue, enqueue_many
from slowmatch.jobs import serve as serve_job
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle.enqueue import MAX_RUNS_AT_ONCE

JOB = "noop"
JOBS[JOB] = Job(JOB, "Does nothing.", max_running=None)
_ENDED = "SELECT count(*) FROM job_run WHERE state = 'succeeded'"
_WAITING = "SELECT id::text, attempt + 1 FROM job_run WHERE state = 'enqueued' ORDER BY id"


class Queue:
    """SQS without its distance: it takes everything at once."""

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        return {"Successful": batch["Entries"]}


class LambdaContext:
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 180_000


handler = serve_job(JOB, lambda _: None)
_taken: list[dict[str, Any]] = []


def fill(times: int) -> None:
    """Put runs in, unmeasured."""
    for start in range(0, times, MAX_RUNS_AT_ONCE):
        enqueue_many(connection(), JOB, [{}] * min(MAX_RUNS_AT_ONCE, times - start))


def work(batch: int) -> dict[str, float]:
    """Bring what is there to the function, `batch` messages an invocation."""
    before = ended()
    take(batch)
    took = sum(work_taken()["invocations"])
    return {"seconds": took, "done": ended() - before}


def take(batch: int, part: int = 0, parts: int = 1) -> None:
    """Read what waits into this process, unmeasured; or this part of it, if others take theirs."""
    _taken[:] = list(_events(batch))[part::parts]


def work_taken() -> dict[str, list[float]]:
    """Bring what was taken to the function. How many seconds each invocation took."""
    invocations = []
    for event in _taken:
        began = perf_counter()
        answer = handler(event, LambdaContext())
        invocations.append(perf_counter() - began)
        assert answer == {"batchItemFailures": []}, answer
    return {"invocations": invocations}


def ended() -> int:
    """How many runs have succeeded."""
    return int(connection().query(_ENDED)[0][0])


def put(times: int) -> float:
    """Enqueue one run after another, each with its commit and its message."""
    con = connection()
    enqueue(con, JOB)
    return seconds(lambda: enqueue(con, JOB), times)


def put_many(times: int) -> float:
    """Enqueue that many runs at once."""
    con = connection()
    return seconds(lambda: enqueue_many(con, JOB, [{}] * times), 1)


def _events(batch: int) -> Iterator[dict[str, Any]]:
    """The events of SQS for all runs that wait."""
    number = count()
    records = [
        {"messageId": str(next(number)), "body": json.dumps({"run_id": run_id, "attempt": attempt})}
        for run_id, attempt in connection().query(_WAITING)
    ]
    for start in range(0, len(records), batch):
        yield {"Records": records[start : start + batch]}


if __name__ == "__main__":
    sqs.client = Queue  # type: ignore[assignment]
    serve(
        {
            "fill": fill,
            "work": work,
            "take": take,
            "work_taken": work_taken,
            "enqueue": put,
            "enqueue_many": put_many,
        }
    )
