"""Expiry and cleanup, started by a message, with a record of their longest transaction."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from benchmarks.peers.protocol import serve
from slowmatch.db import Connection, connection

_TICK = datetime.now(UTC).replace(second=0, microsecond=0)
_RESULT = "SELECT result FROM job_run WHERE state = 'succeeded' ORDER BY id DESC LIMIT 1"


class LambdaContext:
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 180_000


def expire() -> dict[str, float]:
    """Run the hourly job."""
    from record_expiry.app import handler

    return _run("record-expiry", handler)


def clean_up() -> dict[str, float]:
    """Run the daily job."""
    from db_cleanup.app import handler

    return _run("db-cleanup", handler)


def _run(job: str, handler: Callable[[Any, Any], Any]) -> dict[str, float]:
    connection().query("SELECT 1")
    watch.longest = 0.0
    message = {"messageId": "1", "body": json.dumps({"job": job, "occurrence": _TICK.isoformat()})}
    began = perf_counter()
    answer = handler({"Records": [message]}, LambdaContext())
    took = perf_counter() - began
    assert answer == {"batchItemFailures": []}, answer
    ((result,),) = connection().query(_RESULT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": took, "done": sum(result.values()), "longest": watch.longest, "megabytes": peak}


class Watch:
    """Measures every transaction of every connection from BEGIN to the end."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._inside = False

    @contextmanager
    def over(self) -> Iterator[None]:
        outermost, self._inside = not self._inside, True
        began = perf_counter()
        try:
            yield
        finally:
            if outermost:
                self._inside = False
                self.longest = max(self.longest, perf_counter() - began)

    def follow(self, name: str) -> None:
        plain = getattr(Connection, name)

        def timed(con: Connection, *words: Any, **values: Any) -> Any:
            with self.over():
                return plain(con, *words, **values)

        setattr(Connection, name, timed)


watch = Watch()
_plain_transaction = Connection.transaction


@contextmanager
def _transaction(con: Connection) -> Iterator[None]:
    with watch.over(), _plain_transaction(con):
        yield


if __name__ == "__main__":
    for each in ("query", "execute", "script"):
        watch.follow(each)
    Connection.transaction = _transaction  # type: ignore[method-assign, assignment]
    serve({"expire": expire, "clean_up": clean_up})
