"""The current state of the stack, for the start page and for tests."""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from local.environment import HOST, Ports, has_provider, local_values
from local.event_sources.eventbridge import EventBridge
from local.lambda_runtime.functions import Functions
from local.services.aws_client import Aws
from local.template.model import Queue, Rule, Template


async def state(
    *,
    aws: Aws,
    template: Template,
    data: Path,
    addresses: Mapping[str, str],
    functions: Functions,
    eventbridge: EventBridge,
) -> dict[str, Any]:
    """The document of /local/state; `data` is the stack's data folder."""
    return {
        "pid": os.getpid(),
        "data": str(data),
        "addresses": addresses,
        "functions": [
            {
                "logical_id": function.logical_id,
                "name": function.name,
                "handler": function.handler,
                "timeout": function.timeout,
                "concurrency": function.concurrency,
                "routes": [route.key for route in function.routes],
                "processes": functions.processes(function),
            }
            for function in template.functions
        ],
        "queues": await asyncio.gather(*(_queue(aws, queue) for queue in template.queues)),
        "rules": await asyncio.gather(*(_rule(aws, rule, eventbridge) for rule in template.rules)),
        "schedules": [
            {"name": each.name, "next": _moment(eventbridge.next_firing(each))}
            for each in eventbridge.schedules
        ],
    }


def addresses(ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        "Sign-in": _sign_in(ports, environ),
        "Console": f"{ports.gateway_url}/",
        "HTTP API": f"{ports.gateway_url}/api/records",
        "Outbox": f"{ports.gateway_url}/outbox",
        "Stack": f"{ports.gateway_url}/local",
        "Lambda endpoint": ports.gateway_url,
        "AWS endpoint": ports.aws_url,
        "PostgreSQL": f"{HOST}:{ports.postgres}",
        "SMTP": f"{HOST}:{ports.smtp}",
    }


def _sign_in(ports: Ports, environ: Mapping[str, str]) -> str:
    values = local_values(ports, environ)
    if values["AUTH"] == "local":
        return "AUTH=local: everybody on this machine is admin"
    people = ""
    if has_provider(ports, environ):
        from local.services.oidc import PEOPLE  # which takes a tenth of a second

        people = f" (simulated; {', '.join(PEOPLE)})"
    return f"AUTH=oidc: {values['OIDC_ISSUER']}{people}"


async def _queue(aws: Aws, queue: Queue) -> dict[str, Any]:
    answer = await aws.call("sqs", "GetQueueAttributes", QueueUrl=queue.url, AttributeNames=["All"])
    attributes = answer["Attributes"]
    return {
        "name": queue.name,
        "url": queue.url,
        "waiting": int(attributes["ApproximateNumberOfMessages"]),
        "delayed": int(attributes["ApproximateNumberOfMessagesDelayed"]),
        "in_flight": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
    }


async def _rule(aws: Aws, rule: Rule, eventbridge: EventBridge) -> dict[str, Any]:
    answer = await aws.call("events", "DescribeRule", Name=rule.name)
    return {
        "name": rule.name,
        "schedule": rule.expression,
        "state": answer.get("State"),
        "next": _moment(eventbridge.next_firing(rule)),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
