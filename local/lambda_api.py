"""Lambda itself: the functions of the template, invoked synchronously or not."""

import asyncio
from collections.abc import Mapping

from local.environment import Folders, Ports, function_environment
from local.output import FunctionLog, Output
from local.pool import Pool
from local.resources import Function, Template
from local.runtime_api import RuntimeApi
from local.worker import worker_environment

REAP_EVERY_SECONDS = 15.0
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
RETRY_AFTER_SECONDS = (60.0, 120.0)
_GRACE_SECONDS = 2.0


class Lambda:
    def __init__(
        self,
        template: Template,
        ports: Ports,
        folders: Folders,
        environ: Mapping[str, str],
        output: Output,
    ) -> None:
        self._template = template
        self._api = RuntimeApi()
        self._logs: list[FunctionLog] = []
        self._pools: dict[str, Pool] = {}
        self._background: set[asyncio.Task[None]] = set()
        for function in template.functions:
            log = FunctionLog(function.label, folders.logs, output)
            variables = function_environment(function.environment, ports, environ)
            environment = worker_environment(function, variables)
            self._logs.append(log)
            self._pools[function.logical_id] = Pool(function, environment, self._api, log.write, log.report)

    async def start(self) -> None:
        await self._api.start()

    async def stop(self) -> None:
        """Let what runs finish within two seconds, then end every process."""
        for task in self._background:
            task.cancel()
        end = asyncio.get_running_loop().time() + _GRACE_SECONDS
        while any(pool.busy for pool in self._pools.values()) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))
        await self._api.stop()
        for log in self._logs:
            log.close()

    def pool(self, name: str) -> Pool | None:
        """By logical id, name or ARN."""
        function = self._template.function(name)
        return self._pools[function.logical_id] if function else None

    def pool_of(self, function: Function) -> Pool:
        return self._pools[function.logical_id]

    async def invoke_async(self, name: str, payload: bytes) -> None:
        """Return at once; a failed invocation is tried again after one minute and after two more."""
        pool = self.pool(name)
        if pool is None:
            raise KeyError(name)
        task = asyncio.create_task(self._with_retries(pool, payload))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _with_retries(self, pool: Pool, payload: bytes) -> None:
        for delay in (*RETRY_AFTER_SECONDS[: pool.function.retries], None):
            result = await pool.invoke(payload)
            if not result.error or delay is None:
                return
            await asyncio.sleep(delay)

    async def keep_house(self) -> None:
        """End processes that idle; until cancelled."""
        while True:
            await asyncio.sleep(REAP_EVERY_SECONDS)
            for pool in self._pools.values():
                pool.reap()

    def retire(self) -> None:
        for pool in self._pools.values():
            pool.retire()
