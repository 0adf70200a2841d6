"""Makes events of SQS messages, and reads from the answer which messages failed."""

import json
from collections.abc import Sequence
from typing import Any

from local.environment import REGION

Message = dict[str, Any]


def event(messages: Sequence[Message], queue_arn: str) -> dict[str, Any]:
    """The event for these messages, as Lambda's event source mapping makes it."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: Message, queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(attribute) for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    value = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    for field, name in (("StringValue", "stringValue"), ("BinaryValue", "binaryValue")):
        if field in attribute:
            value[name] = attribute[field]
    return value


class MalformedAnswer(Exception):
    """The answer does not say which items failed, so the whole batch counts as failed."""


def failed_items(payload: bytes, message_ids: Sequence[str]) -> set[str]:
    """The ids of the failed messages, from the answer of a function that reports item failures.

    Raises MalformedAnswer:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        answer = json.loads(payload or b"null")
    except ValueError as error:
        raise MalformedAnswer("not JSON") from error
    if answer is None or answer == [] or answer == {}:
        return set()
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"not an object: {answer!r}")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        raise MalformedAnswer(f"batchItemFailures is not a list: {failures!r}")
    return {_identifier(failure, message_ids) for failure in failures}


def _identifier(failure: Any, message_ids: Sequence[str]) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, str) or identifier not in message_ids:
        raise MalformedAnswer(f"{failure!r} names no message of the batch")
    return identifier
