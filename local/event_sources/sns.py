"""SNS: moto posts each notification to the gateway, which hands it to the subscribed function."""

import json
from typing import Any

from local.environment import ACCOUNT, REGION, Ports
from local.services.aws_client import Aws
from local.template.model import Template

PATH = "/local/sns/"


async def subscribe(aws: Aws, template: Template, ports: Ports) -> None:
    """One HTTP subscription for each function and topic; its path names the function."""
    for function in template.functions:
        for topic in function.topics:
            endpoint = f"{ports.gateway_url}{PATH}{function.logical_id}"
            await aws.query("sns", "Subscribe", TopicArn=topic, Protocol="http", Endpoint=endpoint)


def event(notification: bytes) -> dict[str, Any] | None:
    """Lambda's event for what SNS posts; None for what is no notification (a subscription's confirmation).

    Raises ValueError for what is not SNS's.
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
