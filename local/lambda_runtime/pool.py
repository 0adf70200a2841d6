"""The workers of one function: started when needed, reused, ended when idle or outdated."""

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from local.lambda_runtime.invocation import Result, error_result
from local.lambda_runtime.runtime_api import RuntimeApi
from local.lambda_runtime.worker import Log, NotDelivered, Worker
from local.template.model import Function

IDLE_SECONDS = 300.0


class ReportingLog(Log, Protocol):
    def report(self, text: str) -> None: ...


class Pool:
    """Has at most `function.concurrency` workers; further invocations wait."""

    def __init__(
        self, function: Function, environment: Mapping[str, str], api: RuntimeApi, log: ReportingLog
    ) -> None:
        self.function = function
        self._environment = environment
        self._api = api
        self._log = log
        self._slots = asyncio.Semaphore(function.concurrency)
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._outdated: set[Worker] = set()
        self._reported = b""

    async def invoke(self, payload: bytes) -> Result:
        """Invoke in an idle or a new worker. Errors of the function are in the result."""
        async with self._slots:
            while True:
                try:
                    worker = self._take_idle() or await self._start()
                except OSError as error:
                    self._log.report(f"cannot start a process: {error}")
                    return error_result("Sandbox.StartFailed", str(error), "")
                try:
                    result = await worker.invoke(payload)
                except NotDelivered:
                    continue
                finally:
                    self._give_back(worker)
                if result.error:
                    self._report(worker, result)
                return result

    async def warm(self) -> None:
        """Start a worker and let it import the handler before the first invocation."""
        async with self._slots:
            if self._workers:
                return
            worker = await self._start()
            failure = await worker.init_failure()
            self._give_back(worker)
            if failure:
                self._report(worker, failure)

    @property
    def processes(self) -> list[dict[str, object]]:
        return [
            {"pid": worker.pid, "state": "busy" if worker.busy else "idle"}
            for worker in sorted(self._workers, key=lambda worker: worker.pid)
            if worker.alive
        ]

    def retire(self) -> None:
        """End every worker because the code has changed; a busy one after its invocation."""
        self._outdated |= self._workers
        self._reported = b""
        self._end(self._idle)

    def reap(self) -> None:
        """End workers that have been idle for IDLE_SECONDS."""
        now = time.monotonic()
        self._end([worker for worker in self._idle if now - worker.idle_since > IDLE_SECONDS])

    async def stop(self) -> None:
        """End all workers, even busy ones."""
        self._outdated |= self._workers
        await asyncio.gather(*(worker.stop() for worker in set(self._workers)))

    def _take_idle(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return None

    async def _start(self) -> Worker:
        worker = await Worker.start(self.function, self._environment, self._api, self._log)
        self._workers.add(worker)
        worker.ended.add_done_callback(lambda _: self._forget(worker))
        return worker

    def _give_back(self, worker: Worker) -> None:
        if not worker.initialised or worker in self._outdated:
            worker.kill()
        elif worker.alive:
            self._idle.append(worker)

    def _end(self, workers: list[Worker]) -> None:
        for worker in list(workers):
            self._idle.remove(worker)
            worker.kill()

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        self._outdated.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)

    def _report(self, worker: Worker, result: Result) -> None:
        """Log what the process could not log itself; the same failure to start only once."""
        document = result.document()
        kind, message = str(document.get("errorType")), str(document.get("errorMessage"))
        if worker.initialised:
            if kind.startswith(("Sandbox.", "Runtime.", "Function.")):
                self._log.report(message)
        elif result.payload != self._reported:
            self._reported = result.payload
            trace = document.get("stackTrace")
            lines = [str(line).rstrip() for line in trace] if isinstance(trace, list) else []
            self._log.report("\n".join((f"cannot start: {kind}: {message}", *lines)))
