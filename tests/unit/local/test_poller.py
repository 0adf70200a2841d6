"""The queue poller against moto's real queues."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from local.event_sources.sqs_poller import Poller
from local.lambda_runtime.invocation import Result
from local.services.aws_client import Aws
from local.template.model import Queue, QueueSource
from tests.unit.local.support import eventually

SOURCE = QueueSource(
    queue_arn="", batch_size=1, window=0, maximum_concurrency=None, reports_item_failures=True, enabled=True
)
ALL_WELL = Result(b'{"batchItemFailures": []}')


class PolledQueue:
    """A queue, and the batches that its function received; `answer` is what the function does, once `go` is set."""

    def __init__(self, aws: Aws, queue: Queue) -> None:
        self.aws = aws
        self.queue = queue
        self.batches: list[list[dict[str, Any]]] = []
        self.reports: list[str] = []
        self.answer: Callable[[list[dict[str, Any]]], Result] = lambda _: ALL_WELL
        self.go = asyncio.Event()
        self.go.set()
        self.running = self.most_running = 0

    async def invoke(self, payload: bytes) -> Result:
        records = json.loads(payload)["Records"]
        self.batches.append(records)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.go.wait()
        self.running -= 1
        return self.answer(records)

    async def send(self, *bodies: str, **options: Any) -> None:
        for body in bodies:
            await self.aws.call("sqs", "SendMessage", QueueUrl=self.queue.url, MessageBody=body, **options)

    async def depth(self) -> int:
        """Messages in the queue, in flight or not."""
        wanted = {"QueueUrl": self.queue.url, "AttributeNames": ["All"]}
        answer = await self.aws.call("sqs", "GetQueueAttributes", **wanted)
        counts = ("", "NotVisible", "Delayed")
        return sum(int(answer["Attributes"][f"ApproximateNumberOfMessages{name}"]) for name in counts)

    @asynccontextmanager
    async def polling(self, source: QueueSource = SOURCE, slots: int = 2) -> AsyncIterator[None]:
        poller = Poller(
            self.aws, self.queue, source, slots=slots, invoke=self.invoke, report=self.reports.append
        )
        task = asyncio.create_task(poller.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def emptied(self) -> None:
        await eventually(self.depth, lambda depth: depth == 0)

    def bodies(self) -> list[str]:
        return [record["body"] for records in self.batches for record in records]


@asynccontextmanager
async def polled_queue(port: int, name: str, visibility: int = 30) -> AsyncIterator[PolledQueue]:
    async with aiohttp.ClientSession() as session:
        aws = Aws(session, f"http://127.0.0.1:{port}")
        made = await aws.call(
            "sqs", "CreateQueue", QueueName=name, Attributes={"VisibilityTimeout": str(visibility)}
        )
        queue = Queue(
            logical_id="Q",
            name=name,
            url=made["QueueUrl"],
            arn=f"arn:{name}",
            attributes={},
            dead_letter_arn=None,
            max_receive_count=0,
        )
        yield PolledQueue(aws, queue)


@pytest.mark.parametrize(
    ("reports_item_failures", "answer"), [(True, ALL_WELL), (False, Result(b'"anything"'))]
)
async def test_messages_are_deleted_when_all_went_well(
    moto: int, reports_item_failures: bool, answer: Result
) -> None:
    source = replace(SOURCE, reports_item_failures=reports_item_failures)
    async with polled_queue(moto, f"well-{reports_item_failures}") as b, b.polling(source):
        b.answer = lambda _: answer
        await b.send("one", "two", "three")
        await b.emptied()
        assert sorted(b.bodies()) == ["one", "three", "two"]
        assert all(len(records) == 1 for records in b.batches)


async def test_only_failed_items_of_a_batch_stay(moto: int) -> None:
    def answer(records: list[dict[str, Any]]) -> Result:
        bad = [{"itemIdentifier": r["messageId"]} for r in records if r["body"] == "bad"]
        return Result(json.dumps({"batchItemFailures": bad}).encode())

    async with polled_queue(moto, "partial") as b:
        b.answer = answer
        await b.send("good", "bad", "good")
        async with b.polling(replace(SOURCE, batch_size=10)):
            await eventually(lambda: len(b.bodies()) >= 3)
            await eventually(b.depth, lambda depth: depth == 1)


@pytest.mark.parametrize(
    ("result", "said"),
    [(Result(b"{}", "Unhandled"), None), (Result(b'{"batchItemFailures": [1]}'), "malformed")],
)
async def test_a_failed_batch_stays_and_comes_again(moto: int, result: Result, said: str | None) -> None:
    def answer(records: list[dict[str, Any]]) -> Result:
        again = records[0]["attributes"]["ApproximateReceiveCount"] != "1"
        return ALL_WELL if again else result

    async with polled_queue(moto, f"again-{said}", visibility=1) as b, b.polling():
        b.answer = answer
        await b.send("try")
        await eventually(lambda: len(b.bodies()) >= 2)  # moto may count none while the message comes back
        await b.emptied()
        assert len(b.bodies()) >= 2  # more if the machine is slower than the visibility time-out
        assert [said in report for report in b.reports if said] == ([True] if said else [])


async def test_a_window_collects_a_batch(moto: int) -> None:
    async with polled_queue(moto, "window") as b, b.polling(replace(SOURCE, batch_size=3, window=60)):
        await b.send("one", "two", "three")
        await b.emptied()
        assert [len(records) for records in b.batches] == [3]


async def test_no_more_batches_at_a_time_than_slots(moto: int) -> None:
    async with polled_queue(moto, "slots") as b, b.polling(slots=2):
        b.go.clear()
        await b.send(*"abcde")
        await eventually(lambda: b.running == 2)
        b.go.set()
        await b.emptied()
        assert b.most_running == 2


async def test_a_queue_that_cannot_be_read_is_reported_and_tried_again(
    moto: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.event_sources.sqs_poller._ERROR_PAUSE_SECONDS", 0.05)
    async with polled_queue(moto, "gone") as b:
        await b.aws.call("sqs", "DeleteQueue", QueueUrl=b.queue.url)
        async with b.polling():
            await eventually(lambda: len(b.reports) >= 2)
            assert "gone" in b.reports[0]


async def test_nothing_is_lost_between_many_senders_and_receivers(moto: int) -> None:
    """moto alone gives a message to two receivers now and then."""
    async with polled_queue(moto, "storm") as b, b.polling(slots=8):
        await asyncio.gather(*(b.send(*(f"{n}-{i}" for i in range(15))) for n in range(8)))
        await b.emptied()
        assert sorted(b.bodies()) == sorted(f"{n}-{i}" for n in range(8) for i in range(15))
