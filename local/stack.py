"""Starts the whole stack: functions, gateway, queue pollers, rules, schedules and SNS on top of the services."""

from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from local.environment import has_provider
from local.errors import StackError
from local.event_sources import sns
from local.event_sources.eventbridge import EventBridge
from local.event_sources.gateway import Gateway
from local.event_sources.sqs_poller import Poller
from local.lambda_runtime.functions import Functions
from local.lambda_runtime.invoke_api import InvokeApi
from local.lambda_runtime.reload import reload
from local.seed.offer import offer_records
from local.services.services import Plan, Services
from local.ui.site import Site
from local.ui.state import addresses, state

MIGRATE = "MigrateFunction"
DISPATCHER = "DispatcherFunction"
NOTIFIER = "NotifierFunction"

Work = Coroutine[Any, Any, None]


class StartError(StackError):
    """The start failed; the function's log has details."""


async def start(plan: Plan, services: Services, stack: AsyncExitStack) -> list[Work]:
    """Start everything, and let `stack` stop it in reverse order. Returns the work to run until then."""
    functions = Functions(plan)
    stack.push_async_callback(functions.stop)
    await functions.start()
    async with plan.output.step("Database", "applying migrations"):
        if error := await _invoke(functions, MIGRATE):
            raise StartError(f"the migrations failed: {error}")
    if plan.folders.notify.exists():
        async with plan.output.step("Notifier", f"checking {plan.folders.notify}"):
            await _check_destinations(plan, functions)
    if has_provider(plan.ports, plan.environ):
        await _start_provider(plan, stack)
    eventbridge = EventBridge(services.aws, plan.template, functions.invoke_async, plan.output.note)
    async with plan.output.step("Gateway", f"starting on {plan.ports.gateway_url}"):
        gateway = _gateway(plan, services, functions, eventbridge)
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        await sns.subscribe(services.aws, plan.template, plan.ports)
    async with plan.output.step("Queues", "sending the messages of waiting runs again"):
        if error := await _invoke(functions, DISPATCHER, b'{"payload": {"resend": true}}'):
            plan.output.note(f"the dispatcher failed: {error}")
    return [
        *(poller.run() for poller in _pollers(plan, services, functions)),
        eventbridge.run(),
        functions.reap(),
        functions.warm(),
        reload(plan, functions, MIGRATE),
        offer_records(plan.ports, plan.folders, plan.output),
    ]


async def _check_destinations(plan: Plan, functions: Functions) -> None:
    """Name what is wrong with the list of destinations. One that is no list ends the start."""
    function = functions.find(NOTIFIER)
    answer = (await functions.invoke(function, b"{}")).document() if function else {}
    if "errorMessage" in answer:
        raise StartError(f"{plan.folders.notify}: {answer['errorMessage']}")
    problems = answer.get("problems")
    for problem in problems if isinstance(problems, list) else []:
        plan.output.note(f"{plan.folders.notify}: nothing is sent to {problem}")


async def _start_provider(plan: Plan, stack: AsyncExitStack) -> None:
    from local.services.oidc import Provider

    async with plan.output.step("OpenID", f"starting on {plan.ports.provider_url}"):
        provider = Provider(plan.ports.provider, console=plan.ports.gateway)
        stack.push_async_callback(provider.stop)
        await provider.start()


def _gateway(plan: Plan, services: Services, functions: Functions, eventbridge: EventBridge) -> Gateway:
    where = addresses(plan.ports, plan.environ)
    current = partial(
        state,
        aws=services.aws,
        template=plan.template,
        data=plan.folders.data,
        addresses=where,
        functions=functions,
        eventbridge=eventbridge,
    )
    site = Site(services.outbox, services.mail_server, current)
    others = (*site.routes(), *InvokeApi(functions).routes(), *sns.routes(functions))
    return Gateway(
        plan.ports.gateway,
        functions=functions,
        template=plan.template,
        start_page=site.start_page,
        others=others,
    )


def _pollers(plan: Plan, services: Services, functions: Functions) -> list[Poller]:
    pollers = []
    for function in plan.template.functions:
        invoke = partial(functions.invoke, function)
        for source in function.queues:
            queue = plan.template.queue(source.queue_arn)
            if queue is None:
                plan.output.note(f"{function.logical_id}: no queue {source.queue_arn} in the template")
            elif source.enabled:
                slots = min(source.maximum_concurrency or function.concurrency, function.concurrency)
                pollers.append(
                    Poller(services.aws, queue, source, slots=slots, invoke=invoke, report=plan.output.note)
                )
    return pollers


async def _invoke(functions: Functions, name: str, payload: bytes = b"{}") -> object:
    """Invoke the function if the template has it. Returns its error's message, None without an error."""
    function = functions.find(name)
    result = await functions.invoke(function, payload) if function else None
    return result.document().get("errorMessage") if result and result.error else None
