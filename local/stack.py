"""The whole: services, functions, gateway, queue pollers, cron rules, SNS; started in order, stopped in reverse."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from local import sns
from local.errors import StackError
from local.functions import Functions
from local.gateway import Gateway
from local.invocation import Result
from local.invoke_api import InvokeApi
from local.poller import Poller
from local.rules import Rules
from local.services import Plan, Services
from local.site import Site
from local.state import state
from local.watch import watch

MIGRATE = "MigrateFunction"
DISPATCHER = "DispatcherFunction"


class StartError(StackError):
    """Something that the stack needs to be ready failed; its log says more."""


async def start(plan: Plan, services: Services, stack: AsyncExitStack) -> None:
    """Return when the stack is ready. `stack` stops it."""
    output, template = plan.output, plan.template
    functions = Functions(template, plan.ports, plan.folders, plan.environ, output)
    await functions.start()
    stack.push_async_callback(functions.stop)

    async with output.step("Database", "applying migrations"):
        result = await _invoke_if_there(functions, MIGRATE, b"{}")
        if result is not None and result.error:
            raise StartError(f"the migrations failed: {result.document().get('errorMessage')}")

    rules = Rules(services.aws, template, functions.invoke_async, output.line)

    async def current_state() -> dict[str, Any]:
        return await state(services.aws, template, plan.ports, functions, rules)

    site = Site(services.outbox, services.catcher, current_state)
    others = (*site.routes(), *InvokeApi(functions).routes())
    gateway = Gateway(plan.ports.gateway, template, functions, site.start_page, others)
    async with output.step("Gateway", f"starting on {plan.ports.gateway_url}"):
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        await sns.subscribe(services.aws, template, plan.ports)

    background = Background()
    stack.push_async_callback(background.stop)
    for poller in _pollers(plan, services, functions):
        background.add(poller.run())
    # Queues are empty after a restart: whatever waits in the database is sent again.
    async with output.step("Queues", "sending what waits"):
        result = await _invoke_if_there(functions, DISPATCHER, b'{"payload": {"resend": true}}')
        if result is not None and result.error:
            output.line(f"         the dispatcher failed: {result.document().get('errorMessage')}")
    background.add(rules.run())
    background.add(functions.reap())
    background.add(functions.warm())
    background.add(_reload(plan, functions))


def _pollers(plan: Plan, services: Services, functions: Functions) -> list[Poller]:
    pollers = []
    for function in plan.template.functions:
        for source in function.queues:
            queue = plan.template.queue(source.queue_arn)
            if queue is None:
                plan.output.line(
                    f"         {function.logical_id}: queue {source.queue_arn} is not in the template"
                )
            elif source.enabled:
                pollers.append(
                    Poller(
                        services.aws,
                        queue,
                        source,
                        function.concurrency,
                        partial(functions.invoke, function),
                        plan.output.line,
                    )
                )
    return pollers


async def _invoke_if_there(functions: Functions, name: str, payload: bytes) -> Result | None:
    function = functions.find(name)
    return await functions.invoke(function, payload) if function else None


async def _reload(plan: Plan, functions: Functions) -> None:
    """Edited code is used from the next invocation on; a new migration is applied at once."""
    code = {folder for function in plan.template.functions for folder in (function.code, *function.layers)}
    migrations: set[asyncio.Task[Result | None]] = set()

    def changed(files: set[Any]) -> None:
        functions.retire()
        plan.output.line(f"         reloaded: {', '.join(sorted(file.name for file in files))}")
        if any(file.suffix == ".sql" for file in files):
            task = asyncio.create_task(_invoke_if_there(functions, MIGRATE, b"{}"))
            migrations.add(task)
            task.add_done_callback(migrations.discard)

    await watch(sorted(code), changed)


class Background:
    """Tasks that run until the stack stops. One that fails is a bug: it takes the stack down, loudly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, work: Any) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
