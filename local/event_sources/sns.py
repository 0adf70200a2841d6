"""SNS: moto posts each notification to the gateway, which invokes the subscribed function."""

import json
from typing import Any

from aiohttp import web

from local.environment import ACCOUNT, REGION, Ports
from local.lambda_runtime.functions import Functions
from local.services.aws_client import Aws
from local.template.model import Template

PATH = "/local/sns/"


async def subscribe(aws: Aws, template: Template, ports: Ports) -> None:
    """Make an HTTP subscription for each function and topic; its path names the function."""
    for function in template.functions:
        for topic in function.topics:
            endpoint = f"{ports.gateway_url}{PATH}{function.logical_id}"
            await aws.query("sns", "Subscribe", TopicArn=topic, Protocol="http", Endpoint=endpoint)


def routes(functions: Functions) -> web.RouteTableDef:
    """The route that moto delivers to."""
    table = web.RouteTableDef()

    @table.post(PATH + "{name}")
    async def deliver(request: web.Request) -> web.Response:
        function = functions.find(request.match_info["name"])
        if function is None:
            return web.Response(status=404)
        try:
            found = event(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        if found is not None:
            functions.invoke_async(function, json.dumps(found).encode())
        return web.Response()

    return table


def event(notification: bytes) -> dict[str, Any] | None:
    """Lambda's event for a notification of SNS; None for its other messages, such as a subscription's confirmation.

    Raises ValueError if it is not a message of SNS.
    """
    message = json.loads(notification)
    if not isinstance(message, dict) or "Type" not in message:
        raise ValueError("not an SNS message")
    if message["Type"] != "Notification":
        return None
    attributes = message.get("MessageAttributes") or {}
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:subscription",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": message.get("MessageId"),
                    "TopicArn": message.get("TopicArn"),
                    "Subject": message.get("Subject"),
                    "Message": message.get("Message"),
                    "Timestamp": message.get("Timestamp"),
                    "SignatureVersion": message.get("SignatureVersion", "1"),
                    "Signature": message.get("Signature", ""),
                    "SigningCertUrl": message.get("SigningCertURL", ""),
                    "UnsubscribeUrl": message.get("UnsubscribeURL", ""),
                    "MessageAttributes": attributes,
                },
            }
        ]
    }
