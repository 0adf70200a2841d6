"""`python -m tests.chaos.killed_worker MOMENT`: a worker that takes one event of SQS, and kills itself at a moment.

The event comes on standard input; the answer to SQS is the last line of standard output. The database is that of the
environment, with the password in DB_PASSWORD.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from local.environment import DATABASE_USER
from local.testing.fixtures import AcceptingSqs
from slowmatch.aws import secrets, sqs
from slowmatch.db import Connection
from slowmatch.jobs import Context, serve
from slowmatch.jobs.lifecycle.claim import CLAIM_BATCH
from slowmatch.jobs.lifecycle.finish import FINISH_BATCH_SUCCEEDED
from slowmatch.jobs.worker import result_writer

JOB = "send-test-mail"
MOMENTS = {
    "before the claim": 0,
    "after the claim": 0,
    "in the second handler": 0,
    "between two finishes": 2,
    "after the last finish": 5,
    "never": 5,
}
"""How many of five runs have succeeded by then, if two results are written at a time."""


class LambdaContext:
    aws_request_id = "killed-worker"

    def get_remaining_time_in_millis(self) -> int:
        return 180_000


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def around(moment: str, query: Callable[..., Any]) -> Callable[..., Any]:
    """`Connection.query`, which dies before or after a statement of the moment."""
    finishes = 0

    def watched(con: Connection, sql: str, **params: Any) -> Any:
        nonlocal finishes
        finishes += sql == FINISH_BATCH_SUCCEEDED
        if (moment, sql) == ("before the claim", CLAIM_BATCH) or (
            moment == "between two finishes" and finishes == 2
        ):
            die()
        rows = query(con, sql, **params)
        if (moment, sql) == ("after the claim", CLAIM_BATCH):
            die()
        return rows

    return watched


def main(moment: str) -> None:
    handled = 0

    def handle(context: Context) -> dict[str, int]:
        nonlocal handled
        handled += 1
        context.con.query(
            "INSERT INTO execution (run_id) VALUES (CAST(:run_id AS uuid))", run_id=context.run_id
        )
        if moment == "in the second handler" and handled == 2:
            die()
        return {"handled": handled}

    login = {"username": DATABASE_USER, "password": os.environ["DB_PASSWORD"]}
    secrets.read = lambda *_: login
    sqs.client = AcceptingSqs  # type: ignore[assignment]
    result_writer.MAX_UNWRITTEN_RESULTS = 2
    Connection.query = around(moment, Connection.query)  # type: ignore[method-assign]
    answer = serve(JOB, handle)(json.load(sys.stdin), LambdaContext())
    if moment == "after the last finish":
        die()
    print(json.dumps(answer))  # noqa: T201 - the last line, after those of the log


if __name__ == "__main__":
    main(sys.argv[1])
