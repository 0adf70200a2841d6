"""One process of a function: awslambdaric with the handler, one invocation at a time."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from local import processes
from local.environment import REGION
from local.invocation import MAXIMUM_RESPONSE, Invocation, Result, exited, timed_out, too_large
from local.resources import Function
from local.runtime_api import RuntimeApi

INIT_SECONDS = 20.0
_LINE_LIMIT = 1024 * 1024
# Nothing else of this process's environment reaches a function: above all no AWS credentials.
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


def worker_environment(function: Function, variables: dict[str, str]) -> dict[str, str]:
    """What Lambda sets, then the function's own variables."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        # With it awslambdaric waits in a thread, so that the process hears SIGTERM.
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "PYTHONPATH": os.pathsep.join(map(str, (function.code, *function.layers))),
        "TZ": ":UTC",
        **variables,
    }


class Worker:
    """`log_line` gets every line that the process writes."""

    def __init__(
        self,
        function: Function,
        environment: dict[str, str],
        api: RuntimeApi,
        log_line: Callable[[str], None],
    ) -> None:
        self.function = function
        self.idle_since = time.monotonic()
        self.busy = False
        self._environment = environment
        self._api = api
        self._log_line = log_line
        loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Invocation] = asyncio.Queue(maxsize=1)
        self._ready: asyncio.Future[Result | None] = loop.create_future()
        self._answer: asyncio.Future[Result] | None = None
        self._current: Invocation | None = None
        self._waiting: set[asyncio.Task[object]] = set()
        self.ended: asyncio.Task[int | None] | None = None
        self.pid = 0

    async def start(self) -> None:
        port = await self._api.register(self)
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{os.urandom(16).hex()}"
        self._process = await processes.spawn(
            *(sys.executable, "-m", "awslambdaric", self.function.handler),
            cwd=self.function.code,
            env=self._environment
            | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "AWS_LAMBDA_LOG_STREAM_NAME": stream},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            limit=_LINE_LIMIT,
        )
        self.pid = self._process.pid
        self.ended = asyncio.create_task(self._follow(port), name=f"process {self.pid}")

    async def invoke(self, payload: bytes) -> Result:
        """Never raises for what the function does: the result says it."""
        self.busy = True
        try:
            return await self._invoke(payload)
        finally:
            self.busy = False
            self.idle_since = time.monotonic()

    async def _invoke(self, payload: bytes) -> Result:
        assert self.ended is not None
        failure = await self._initialised()
        if failure is not None:
            return failure
        invocation = Invocation(payload, self.function.arn, self.function.timeout)
        self._current = invocation
        self._answer = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(invocation)
        try:
            await asyncio.wait(
                {self._answer, self.ended}, timeout=self.function.timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not self._answer.done():
                self.kill()
        if self._answer.done():
            return self._answer.result()
        if self.ended.done():
            return exited(invocation.request_id, self.ended.result())
        await self.ended
        return timed_out(invocation.request_id, self.function.timeout)

    async def _initialised(self) -> Result | None:
        """None once the handler is imported, else why it is not."""
        assert self.ended is not None
        await asyncio.wait(
            {self._ready, self.ended}, timeout=INIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if self._ready.done():
            return self._ready.result()
        request_id = Invocation(b"", "", 0).request_id
        if self.ended.done():
            return exited(request_id, self.ended.result())
        self.kill()
        return timed_out(request_id, INIT_SECONDS)

    def kill(self) -> None:
        if self.pid:
            processes.kill_group(self._process)

    @property
    def initialised(self) -> bool:
        return self._ready.done() and self._ready.result() is None

    @property
    def alive(self) -> bool:
        return self.ended is not None and not self.ended.done()

    async def _follow(self, port: int) -> int | None:
        """Pass the log on until the process ends; its status."""
        log = asyncio.create_task(self._pass_log_on())
        status = await self._process.wait()
        self.kill()  # what it started must not live on, or hold its log open
        await log
        for task in self._waiting:
            task.cancel()
        await self._api.unregister(port)
        return status

    async def _pass_log_on(self) -> None:
        assert self._process.stdout is not None
        while line := await _read_line(self._process.stdout):
            self._log_line(line.decode(errors="replace").rstrip("\n"))

    # what the process says through the Runtime API

    async def next_invocation(self) -> Invocation:
        if not self._ready.done():
            self._ready.set_result(None)
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await self._inbox.get()
        finally:
            self._waiting.discard(task)

    def succeeded(self, request_id: str, payload: bytes) -> None:
        large = len(payload) > MAXIMUM_RESPONSE
        result = too_large(request_id, len(payload)) if large else Result(payload, None, request_id)
        self._finish(request_id, result)

    def failed(self, request_id: str, payload: bytes) -> None:
        self._finish(request_id, Result(payload, "Unhandled", request_id))

    def init_failed(self, payload: bytes) -> None:
        if not self._ready.done():
            self._ready.set_result(Result(payload, "Unhandled"))

    def _finish(self, request_id: str, result: Result) -> None:
        current = self._current
        if current is not None and current.request_id == request_id and self._answer is not None:
            with contextlib.suppress(asyncio.InvalidStateError):
                self._answer.set_result(result)


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """The next line; one longer than the limit comes in pieces."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed)
