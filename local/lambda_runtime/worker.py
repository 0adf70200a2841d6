"""A worker: a process with awslambdaric and the handler, for one invocation at a time."""

import asyncio
import signal
import time
from collections.abc import Mapping
from typing import Any, Protocol

from local import processes
from local.lambda_runtime import process as function_process
from local.lambda_runtime.invocation import (
    MAX_RESPONSE_BYTES,
    Invocation,
    Result,
    exited,
    timed_out,
    too_large,
)
from local.lambda_runtime.runtime_api import Endpoint, RuntimeApi
from local.template.model import Function

INIT_SECONDS = 20.0


class Log(Protocol):
    """`write` shows and keeps a line, `record` only keeps it."""

    def write(self, line: str) -> None: ...

    def record(self, line: str) -> None: ...


class NotDelivered(Exception):
    """The process ended before it fetched the invocation, so another one can take it."""


class Worker:
    def __init__(
        self, function: Function, process: asyncio.subprocess.Process, endpoint: Endpoint, log: Log
    ) -> None:
        self.function = function
        self.pid = process.pid
        self.busy = False
        self.idle_since = time.monotonic()
        self._process = process
        self._log = log
        self._early_lines: list[str] = []
        self._inbox: asyncio.Queue[Invocation] = asyncio.Queue()
        self._init: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Result] | None = None
        self._current = ""
        self._waiting: asyncio.Task[Any] | None = None
        self.ended = asyncio.create_task(self._follow(), name=f"process {self.pid}")
        endpoint.client.set_result(self)

    @classmethod
    async def start(
        cls, function: Function, environment: Mapping[str, str], api: RuntimeApi, log: Log
    ) -> "Worker":
        """Start a process without waiting for the import of the handler."""
        endpoint = await api.open()
        try:
            process = await function_process.start(function, environment, endpoint.address)
        except BaseException:
            await api.close(endpoint)
            raise
        worker = cls(function, process, endpoint, log)
        worker.ended.add_done_callback(lambda _: asyncio.ensure_future(api.close(endpoint)))
        return worker

    async def invoke(self, payload: bytes) -> Result:
        """Errors of the function are in the result. Raises NotDelivered."""
        self.busy = True
        try:
            return await self.init_failure() or await self._invoke(payload)
        finally:
            self.busy = False
            self.idle_since = time.monotonic()

    async def init_failure(self) -> Result | None:
        """Wait for the import of the handler. Returns the error if it failed."""
        await _first_of(self._init, self.ended, seconds=INIT_SECONDS)
        if self._init.done():
            return self._init.result()
        if not self.ended.done():
            self.kill()
            return timed_out("", INIT_SECONDS)
        return exited("", self.ended.result())

    async def _invoke(self, payload: bytes) -> Result:
        timeout = self.function.timeout
        invocation = Invocation(payload, self.function.arn, timeout)
        self._current = invocation.request_id
        self._answer = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(invocation)
        try:
            await _first_of(self._answer, self.ended, seconds=timeout)
        finally:
            if not self._answer.done():
                self.kill()
        if self._answer.done():
            return self._answer.result()
        if not self.ended.done():
            await self.ended
            return timed_out(invocation.request_id, timeout)
        if not self._inbox.empty():
            raise NotDelivered
        return exited(invocation.request_id, self.ended.result())

    def kill(self) -> None:
        """Kill the process and its children."""
        processes.kill_group(self._process)

    async def stop(self) -> None:
        """Send SIGTERM, and kill it half a second later."""
        await processes.stop(self._process, (signal.SIGTERM, 0.5))
        await self.ended

    @property
    def initialised(self) -> bool:
        return self._init.done() and self._init.result() is None

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    async def _follow(self) -> int:
        """Forward the log until the process ends. Returns its exit status."""
        log = asyncio.create_task(self._forward_log())
        status = await self._process.wait()
        self.kill()  # its children must not survive, or hold its log open
        await log
        self._release_log(failed=not self.initialised)
        if self._waiting is not None:
            self._waiting.cancel()
        return status

    async def _forward_log(self) -> None:
        stream = self._process.stdout
        while stream is not None and (line := await _read_line(stream)):
            text = line.decode(errors="replace").rstrip("\n")
            if self._init.done():
                self._log.write(text)
            else:
                self._early_lines.append(text)

    def _release_log(self, failed: bool) -> None:
        """Log the lines of the import; the pool reports a failed import, and only once."""
        for line in self._early_lines:
            (self._log.record if failed else self._log.write)(line)
        self._early_lines.clear()

    # called by the Runtime API

    async def next_invocation(self) -> Invocation:
        if not self._init.done():
            self._init.set_result(None)
            self._release_log(failed=False)
        self._waiting = asyncio.current_task()
        try:
            return await self._inbox.get()
        finally:
            self._waiting = None

    def init_failed(self, payload: bytes) -> None:
        if not self._init.done():
            self._init.set_result(Result(payload, "Unhandled"))

    def succeeded(self, request_id: str, payload: bytes) -> None:
        large = len(payload) > MAX_RESPONSE_BYTES
        self._finish(request_id, too_large(request_id, len(payload)) if large else Result(payload))

    def failed(self, request_id: str, payload: bytes) -> None:
        self._finish(request_id, Result(payload, "Unhandled"))

    def _finish(self, request_id: str, result: Result) -> None:
        if self._answer is not None and self._current == request_id and not self._answer.done():
            self._answer.set_result(result)


async def _first_of(*futures: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """The next line, b"" at the end. A line above the limit comes in pieces."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed)
