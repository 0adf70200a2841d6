"""The queues of the pretended AWS, used directly: a request through boto3 takes milliseconds."""

import os
from collections.abc import Iterable

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import Queue, SQSBackend, sqs_backends


def backend() -> SQSBackend:
    return sqs_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_DEFAULT_REGION"]]


def create(names: Iterable[str]) -> None:
    for name in names:
        backend().create_queue(name)


def delete(name: str) -> None:
    backend().delete_queue(name)


def get(name: str) -> Queue:
    return backend().queues[name]


def take(name: str, most: int | None = None) -> list[str]:
    """The bodies of the messages that are visible now, which then are in the queue no longer."""
    queue = get(name)
    taken = {message.id: message.body for message in queue.messages[:most]}
    queue._messages = [message for message in queue._messages if message.id not in taken]
    return list(taken.values())
