"""The functions of the template, invoked synchronously or asynchronously as Lambda does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from local.environment import function_environment
from local.lambda_runtime.invocation import Result
from local.lambda_runtime.pool import Pool
from local.lambda_runtime.process import process_environment
from local.lambda_runtime.runtime_api import RuntimeApi
from local.output import FunctionLog
from local.services.services import Plan
from local.template.model import Function

REAP_EVERY_SECONDS = 15.0
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
RETRY_AFTER_SECONDS = (60.0, 120.0)
_GRACE_SECONDS = 2.0


class Functions:
    def __init__(self, plan: Plan) -> None:
        self._template = plan.template
        self._api = RuntimeApi()
        self._logs: list[FunctionLog] = []
        self._pools: dict[str, Pool] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        for function in plan.template.functions:
            log = FunctionLog(function.label, plan.folders.logs, plan.output)
            variables = function_environment(function.environment, plan.ports, plan.environ)
            environment = process_environment(function, variables)
            self._logs.append(log)
            self._pools[function.logical_id] = Pool(function, environment, self._api, log)

    async def start(self) -> None:
        await self._api.start()

    async def stop(self) -> None:
        """Let invocations finish within two seconds, then end every process."""
        if running := [task for task in self._tasks if task.get_name() == "invocation"]:
            await asyncio.wait(running, timeout=_GRACE_SECONDS)
        await self._end_processes()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end_processes()  # those started by an invocation in the meantime
        await self._api.stop()
        for log in self._logs:
            log.close()

    async def _end_processes(self) -> None:
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    def find(self, name: str) -> Function | None:
        """The function with this logical id, name or ARN."""
        return self._template.function(name)

    def processes(self, function: Function) -> list[dict[str, object]]:
        return self._pools[function.logical_id].processes

    async def invoke(self, function: Function, payload: bytes) -> Result:
        """Invoke and wait. A cancelled caller does not end the invocation, as on Lambda."""
        return await asyncio.shield(
            self._task(self._pools[function.logical_id].invoke(payload), "invocation")
        )

    def invoke_async(self, function: Function, payload: bytes) -> None:
        """Invoke in the background; a failed invocation is retried after one minute and after two more."""
        self._task(self._with_retries(function, payload), "retries")

    async def _with_retries(self, function: Function, payload: bytes) -> None:
        for delay in (*RETRY_AFTER_SECONDS[: function.retries], None):
            result = await self.invoke(function, payload)
            if not result.error or delay is None:
                return
            await asyncio.sleep(delay)

    def _task(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def warm(self) -> None:
        """Start a process for every function with a route, because people wait for those."""
        waited_for = [function for function in self._template.functions if function.routes]
        await asyncio.gather(*(self._pools[function.logical_id].warm() for function in waited_for))

    async def reap(self) -> None:
        """End idle processes; until cancelled."""
        while True:
            await asyncio.sleep(REAP_EVERY_SECONDS)
            for pool in self._pools.values():
                pool.reap()

    def retire(self) -> None:
        """Stop using processes that run old code."""
        for pool in self._pools.values():
            pool.retire()
