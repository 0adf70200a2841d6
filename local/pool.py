"""The processes of one function: started when there is work, kept for the next, ended when idle or outdated."""

import asyncio
import time
from collections.abc import Callable

from local.invocation import Result
from local.resources import Function
from local.runtime_api import RuntimeApi
from local.worker import Worker

IDLE_SECONDS = 300.0


class Pool:
    """At most `function.concurrency` processes; more invocations than that wait their turn."""

    def __init__(
        self,
        function: Function,
        environment: dict[str, str],
        api: RuntimeApi,
        log_line: Callable[[str], None],
        report: Callable[[str], None],
    ) -> None:
        self.function = function
        self._environment = environment
        self._api = api
        self._log_line = log_line
        self._report = report
        self._slots = asyncio.Semaphore(function.concurrency)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._generation: dict[Worker, int] = {}
        self._current_generation = 0
        self._reported_failure = b""

    async def invoke(self, payload: bytes) -> Result:
        async with self._slots:
            worker = self._take_idle() or await self._start()
            try:
                result = await worker.invoke(payload)
            finally:
                self._give_back(worker)
            self._tell_failure(worker, result)
            return result

    async def warm(self) -> None:
        """Have one process ready before the first invocation."""
        async with self._slots:
            if not self._workers:
                self._give_back(await self._start())

    @property
    def processes(self) -> list[dict[str, object]]:
        return [
            {"pid": worker.pid, "state": "busy" if worker.busy else "idle"}
            for worker in self._workers
            if worker.alive
        ]

    @property
    def busy(self) -> bool:
        return any(worker.busy for worker in self._workers)

    def retire(self) -> None:
        """The code has changed: end every process, a busy one after its invocation."""
        self._current_generation += 1
        self._reported_failure = b""
        self._end(self._idle)

    def reap(self) -> None:
        """End processes that were idle for long."""
        now = time.monotonic()
        self._end([worker for worker in self._idle if now - worker.idle_since > IDLE_SECONDS])

    async def stop(self) -> None:
        self._current_generation += 1
        workers = [worker for worker in self._workers if worker.ended is not None]
        for worker in workers:
            worker.kill()
        if workers:
            await asyncio.wait([worker.ended for worker in workers if worker.ended])

    def _take_idle(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return None

    async def _start(self) -> Worker:
        worker = Worker(self.function, self._environment, self._api, self._log_line)
        self._workers.add(worker)
        self._generation[worker] = self._current_generation
        await worker.start()
        assert worker.ended is not None
        worker.ended.add_done_callback(lambda _: self._forget(worker))
        return worker

    def _give_back(self, worker: Worker) -> None:
        if self._generation.get(worker) != self._current_generation:
            worker.kill()
        elif worker.alive:
            self._idle.append(worker)

    def _end(self, workers: list[Worker]) -> None:
        for worker in list(workers):
            self._idle.remove(worker)
            worker.kill()

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        self._generation.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)

    def _tell_failure(self, worker: Worker, result: Result) -> None:
        """What the process could not log itself; the same failure to start only once."""
        document = result.document() if result.error else {}
        if worker.initialised:
            if str(document.get("errorType", "")).startswith(("Sandbox.", "Runtime.", "Function.")):
                self._report(str(document.get("errorMessage")))
        elif result.payload != self._reported_failure:
            self._reported_failure = result.payload
            self._report(f"cannot start: {document.get('errorType')}: {document.get('errorMessage')}")
