"""An invocation that stops in the middle of each attempt, a fake SQS, and a clock to turn."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any

from slowmatch.db import Connection
from slowmatch.jobs import Context
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import messages as queue
from slowmatch.jobs.worker.invocation import Invocation
from tests.integration.jobs.conftest import Killed
from tests.integration.jobs.invariants import signature

PATIENCE_SECONDS = 60
"""Only a test that is wrong waits this long."""
MOMENT = timedelta(seconds=1)
"""More than the clock goes on by being looked at during one step."""


@dataclass
class Clock:
    """Stands still but for a millisecond at each look, until it is turned."""

    at: datetime

    def look(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@dataclass(frozen=True)
class Message:
    """What SQS keeps for a job's function, visible from a moment on."""

    job: str
    body: dict[str, Any]
    visible_at: datetime

    @property
    def text(self) -> str:
        return json.dumps(self.body)

    @property
    def occurrence(self) -> datetime | None:
        """Of a schedule's message; None for the message of a run."""
        return datetime.fromisoformat(self.body["occurrence"]) if "occurrence" in self.body else None


@dataclass
class FakeSqs:
    """SQS as slowmatch.jobs.lifecycle.messages calls it; while `refuses`, it takes nothing."""

    clock: Clock
    messages: list[Message] = field(default_factory=list)
    refuses: bool = False

    def put(self, job: str, body: dict[str, Any], delay_seconds: int = 0) -> None:
        self.messages.append(Message(job, body, self.clock.at + timedelta(seconds=delay_seconds)))

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.refuses:
            return {"Failed": [{"Id": entry["Id"], "Message": "not now"} for entry in Entries]}
        for entry in Entries:
            self.put(
                QueueUrl.removeprefix(queue.queue_url("")),
                json.loads(entry["MessageBody"]),
                entry["DelaySeconds"],
            )
        return {}


@dataclass(frozen=True)
class Returned:
    """What a handler returns; as long as an order gives none, the handler waits for the next."""

    value: Any


Order = Callable[[Context], Returned | None]


class SteppedInvocation:
    """One invocation of a job's function, carried out by the real worker until its handler waits for an order.

    It has a thread, but never works at the same time as its caller: each waits for the other. With several
    `messages` it waits in each attempt that one of them starts, also if the handler `is_bulk`.
    """

    def __init__(
        self,
        con: Connection,
        spec: Job,
        event: Any,
        lambda_context: Any,
        messages: tuple[Message, ...] = (),
        *,
        is_bulk: bool = False,
    ) -> None:
        self.messages = messages
        self.unwritten: dict[Context, str] = {}
        """How the attempts ended whose results were not seen yet."""
        self.context: Context | None = None
        """What the handler was given, while it is in the middle of its work."""
        self.answer: Any = None
        self.error: BaseException | None = None
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._halts: SimpleQueue[Context | None] = SimpleQueue()
        self._invocation = Invocation(
            con,
            spec,
            self._handle_all if is_bulk else self._handle,
            settings={},
            lambda_context=lambda_context,
            is_bulk=is_bulk,
        )
        Thread(target=self._invoke, args=(event,), daemon=True).start()
        self._wait()

    @property
    def at_work(self) -> Context:
        assert self.context is not None, "the invocation is over"
        return self.context

    def report(self, done: int, line: str) -> None:
        """Let the handler report and make a checkpoint; it ends when it hears that the run is not its own."""

        def look(context: Context) -> None:
            context.log.add("INFO", line)
            context.progress(done)
            context.checkpoint()

        self._order(look)

    def finish(self, ending: Callable[[], Any]) -> None:
        """Let the handler say where it is, and return or raise what `ending` does."""

        def end(context: Context) -> Returned:
            context.log.add("INFO", signature(context.run_id, context.attempt))
            return Returned(ending())

        self._order(end)

    def crash(self) -> None:
        """Let the worker die without a word."""

        def die(context: Context) -> None:
            raise Killed

        self._order(die)

    def _order(self, order: Order) -> None:
        self._orders.put(order)
        self._wait()

    def _wait(self) -> None:
        self.context = self._halts.get(timeout=PATIENCE_SECONDS)

    def _invoke(self, event: Any) -> None:
        try:
            self.answer = self._invocation.run(event)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - the caller looks at it
            self.error = error
        finally:
            self._halts.put(None)

    def _handle(self, context: Context) -> Any:
        while True:
            self._halts.put(context)
            returned = self._orders.get(timeout=PATIENCE_SECONDS)(context)
            if returned is not None:
                return returned.value

    def _handle_all(self, contexts: list[Context]) -> Iterator[tuple[Context, Any]]:
        for context in contexts:
            try:
                value = self._handle(context)
            except Exception as error:  # noqa: BLE001 - a result, too
                value = error
            yield context, value
