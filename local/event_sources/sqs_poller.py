"""Lambda's event source mapping: receives messages of a queue and invokes a function with batches of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from local.event_sources import sqs_event
from local.lambda_runtime.invocation import Result
from local.services.aws_client import Aws, AwsError
from local.template.model import Queue, QueueSource

Invoke = Callable[[bytes], Awaitable[Result]]

LONG_POLL_SECONDS = 20
_MAX_RECEIVED_MESSAGES = 10
_ERROR_PAUSE_SECONDS = 1.0


class Poller:
    """One receiver for at most `slots` concurrent batches.

    A failed batch stays in the queue and becomes visible again after its visibility time-out.
    """

    def __init__(
        self,
        aws: Aws,
        queue: Queue,
        source: QueueSource,
        *,
        slots: int,
        invoke: Invoke,
        report: Callable[[str], None],
    ) -> None:
        self._aws = aws
        self._queue = queue
        self._source = source
        self._slots = asyncio.Semaphore(slots)
        self._invoke = invoke
        self._report = report

    async def run(self) -> None:
        """Poll until cancelled; batches in flight are cancelled too."""
        async with asyncio.TaskGroup() as batches:
            while True:
                await self._slots.acquire()
                try:
                    messages = await self._receive_batch()
                except AwsError as error:
                    self._report(f"queue {self._queue.name}: {error}")
                    await asyncio.sleep(_ERROR_PAUSE_SECONDS)
                    messages = []
                if not messages:
                    self._slots.release()
                    continue
                task = batches.create_task(self._process(messages))
                task.add_done_callback(lambda _: self._slots.release())

    async def _receive_batch(self) -> list[sqs_event.Message]:
        """The messages of one receive; with a batching window, those until the batch is full or the window ends."""
        messages = await self._receive(
            min(self._source.batch_size, _MAX_RECEIVED_MESSAGES), LONG_POLL_SECONDS
        )
        if not messages or not self._source.window:
            return messages
        loop = asyncio.get_running_loop()
        end = loop.time() + self._source.window
        while len(messages) < self._source.batch_size and (left := end - loop.time()) > 0:
            wanted = min(self._source.batch_size - len(messages), _MAX_RECEIVED_MESSAGES)
            messages += await self._receive(wanted, max(1, min(int(left), LONG_POLL_SECONDS)))
        return messages

    async def _receive(self, count: int, seconds: int) -> list[sqs_event.Message]:
        answer = await self._aws.call(
            "sqs",
            "ReceiveMessage",
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[sqs_event.Message] = answer.get("Messages", [])
        return messages

    async def _process(self, messages: Sequence[sqs_event.Message]) -> None:
        event = json.dumps(sqs_event.event(messages, self._queue.arn)).encode()
        result = await self._invoke(event)
        if result.error:
            return
        failed: set[str] = set()
        if self._source.reports_item_failures:
            try:
                failed = sqs_event.failed_items(
                    result.payload, [message["MessageId"] for message in messages]
                )
            except sqs_event.MalformedAnswer as error:
                self._report(f"malformed response to a batch; the whole batch stays in the queue: {error}")
                return
        await self._delete([message for message in messages if message["MessageId"] not in failed])

    async def _delete(self, messages: Sequence[sqs_event.Message]) -> None:
        for start in range(0, len(messages), _MAX_RECEIVED_MESSAGES):
            entries: list[dict[str, Any]] = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages[start : start + _MAX_RECEIVED_MESSAGES])
            ]
            try:
                await self._aws.call("sqs", "DeleteMessageBatch", QueueUrl=self._queue.url, Entries=entries)
            except AwsError as error:
                self._report(f"queue {self._queue.name}: {error}")
