"""A worker to drive, queues to look into, and time in the test's own hand."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

from jobs_api.app import handler
from slowmatch.db import Connection
from slowmatch.jobs import Context
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.definition import Job
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import runs as store
from slowmatch.jobs.worker import result_writer
from slowmatch.jobs.worker.executor import BulkHandler
from slowmatch.jobs.worker.invocation import Invocation
from slowmatch.settings import settings
from tests.conftest import STACK, request_context
from tests.integration.jobs.runs_of_size import LAMBDA_BYTES
from tests.support import queues

Call = Callable[..., tuple[int, Any]]
OCCURRENCE = "2026-11-24T02:00:00Z"
PATIENCE_SECONDS = 30
T = TypeVar("T")


class Killed(BaseException):
    """What no handler's error handling catches, as SIGKILL."""


@dataclass
class Work:
    """Invokes a job's function as Lambda would; `handler` is what the job does in this test."""

    con: Connection
    lambda_context: Any
    spec: Job
    handler: Callable[[Context], Any] = lambda context: {"done": context.attempt}
    bulk_handler: BulkHandler | None = None
    seen: list[Context] = field(default_factory=list)
    broken: list[AssertionError] = field(default_factory=list)

    def invoke(self, event: Any) -> Any:
        """What the function answers, unless something that the handler asserts did not hold."""
        try:
            invocation = Invocation(
                self.con,
                self.spec,
                self.bulk_handler or self._handle,
                settings={},
                lambda_context=self.lambda_context,
                is_bulk=self.bulk_handler is not None,
            )
            return invocation.run(event)
        finally:
            if self.broken:
                raise self.broken[0]

    def deliver(self, *bodies: Any) -> list[str]:
        """Deliver messages; the ids of those that SQS has to keep."""
        records = [
            {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
        answer = self.invoke({"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def start_occurrence(self, occurrence: str = OCCURRENCE) -> list[str]:
        return self.deliver({"job": self.spec.name, "occurrence": occurrence})

    def be_killed(self) -> None:
        """Start a run whose worker ends in the middle, without a word."""

        def die(context: Context) -> None:
            raise Killed

        self.handler = die
        with pytest.raises(Killed):
            self.start_occurrence()

    def runs(self) -> list[Run]:
        ids = self.con.query("SELECT id::text FROM job_run ORDER BY id")
        return [store.get(self.con, run_id) for (run_id,) in ids]

    def run(self) -> Run:
        (run,) = self.runs()
        return run

    def events(self, run_id: str) -> list[list[Any]]:
        return self.con.query(
            "SELECT from_state, to_state, reason, actor FROM job_event WHERE run_id = CAST(:id AS uuid) ORDER BY id",
            id=run_id,
        )

    def attempts(self, run_id: str) -> list[list[Any]]:
        return self.con.query(
            "SELECT number, outcome, error_type FROM job_attempt WHERE run_id = CAST(:id AS uuid) ORDER BY number",
            id=run_id,
        )

    def make_due(self, run_id: str) -> None:
        """Let the time until the run is due pass."""
        self.con.query("UPDATE job_run SET due_at = created_at WHERE id = CAST(:id AS uuid)", id=run_id)

    def end_lease(self, run_id: str) -> None:
        self.con.query(
            "UPDATE job_run SET lease_until = created_at - interval '1 hour' WHERE id = CAST(:id AS uuid)",
            id=run_id,
        )

    def _handle(self, context: Context) -> Any:
        self.seen.append(context)
        try:
            return self.handler(context)
        except AssertionError as error:  # to a worker it would be one more attempt that failed
            self.broken.append(error)
            raise


class Queues:
    """What the functions sent, read back from SQS."""

    def __init__(self) -> None:
        queues.create(f"{STACK}-{job}" for job in JOBS)

    def make_dead_letters(self) -> None:
        """The dead-letter queue of every job, without which the queues cannot be read."""
        queues.create(f"{STACK}-{job}-dead" for job in JOBS)

    def take(self, job: str = "record-expiry") -> list[dict[str, Any]]:
        """Up to ten messages that are visible now, which then are in the queue no longer."""
        return [json.loads(body) for body in queues.take(f"{STACK}-{job}", 10)]

    def take_all(self, job: str = "record-expiry") -> list[dict[str, Any]]:
        return [json.loads(body) for body in queues.take(f"{STACK}-{job}")]

    def delayed(self, job: str = "record-expiry") -> int:
        return queues.get(f"{STACK}-{job}").approximate_number_of_messages_delayed


@pytest.fixture(name="queues")
def job_queues(con: Connection) -> Queues:
    return Queues()


@pytest.fixture
def work(con: Connection, queues: Queues, lambda_context: Any) -> Work:
    return Work(con, lambda_context, JOBS["record-expiry"])


@pytest.fixture
def statements(con: Connection, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What PostgreSQL is asked, from now on."""
    asked: list[str] = []
    query = Connection.query

    def note(self: Connection, sql: str, **params: Any) -> list[list[Any]]:
        asked.append(sql)
        return query(self, sql, **params)

    monkeypatch.setattr(Connection, "query", note)
    return asked


@pytest.fixture
def later(con: Connection) -> Callable[..., datetime]:
    return lambda **delta: con.now() + timedelta(**delta)


@pytest.fixture
def call(queues: Queues, lambda_context: Any) -> Call:
    """Sends a request to the jobs API; an answer that Lambda would refuse fails the test."""
    queues.make_dead_letters()

    def call(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> tuple[int, Any]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "queryStringParameters": dict(part.split("=", 1) for part in query.split("&")) if query else {},
            "headers": {"content-type": "application/json", **names},
            "requestContext": request_context(method, path),
            "body": body if isinstance(body, str) else (None if body is None else json.dumps(body)),
            "isBase64Encoded": False,
        }
        answer = handler(event, lambda_context)
        assert len(json.dumps(answer, ensure_ascii=False).encode()) < LAMBDA_BYTES
        return answer["statusCode"], json.loads(answer["body"])

    return call


@pytest.fixture
def other(con: Connection, queues: Queues) -> Iterator[Connection]:
    """Of the one who comes second."""
    with closing(Connection(settings())) as second:
        second.now()
        yield second


def while_waited_for(
    con: Connection,
    first: Callable[[], object],
    second: Callable[[], T],
) -> T:
    """What `second` returns, which began before `first` was committed, and has to wait for that."""
    with ThreadPoolExecutor(1) as pool:
        with con.transaction():
            first()
            answer = pool.submit(second)
            until_waited_for(con, answer)
        return answer.result(PATIENCE_SECONDS)


def until_waited_for(con: Connection, answer: Future[Any]) -> None:
    """Return when `answer` is being held up by a lock."""
    until = time.monotonic() + PATIENCE_SECONDS
    while con.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [[0]]:
        assert not answer.done() and time.monotonic() < until, "it did not wait"


@pytest.fixture
def batch(work: Work, monkeypatch: pytest.MonkeyPatch) -> Work:
    """The function of a job whose runs need not wait for each other."""
    name = "send-test-mail"
    work.spec = dataclasses.replace(JOBS[name], max_attempts=3)
    monkeypatch.setitem(JOBS, name, work.spec)
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_SECONDS", 60)  # a slow machine writes no results early
    return work


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each result is written before the next handler begins."""
    monkeypatch.setattr(result_writer, "MAX_UNWRITTEN_RESULTS", 1)
