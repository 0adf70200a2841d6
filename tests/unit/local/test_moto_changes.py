"""moto, changed: quick with many messages, and no status 500 for requests at once; otherwise the same."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto.scheduler.models import EventBridgeSchedulerBackend
from moto.secretsmanager.models import SecretsManagerBackend
from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid

from local.services import moto_patches
from tests.support.stack_process import until

MANY = 1_000


@pytest.fixture
def backend() -> Any:
    """A backend with an empty queue."""
    moto_patches.speed_up_queues()
    backend = models.SQSBackend("us-east-1", "000000000000")
    backend.create_queue("work", {})
    return backend


def receive(backend: Any, count: int) -> list[Any]:
    return list(backend.receive_message("work", count, 0, 30))


def counts(backend: Any) -> tuple[int, int, int]:
    queue = backend.get_queue("work")
    return (
        queue.approximate_number_of_messages,
        queue.approximate_number_of_messages_not_visible,
        queue.approximate_number_of_messages_delayed,
    )


def test_messages_come_in_their_order_and_each_to_one_receiver(backend: Any) -> None:
    for number in range(5):
        backend.send_message("work", f"{number}")
    assert [[message.body for message in receive(backend, 3)] for _ in range(3)] == [
        ["0", "1", "2"],
        ["3", "4"],
        [],
    ]
    assert counts(backend) == (0, 5, 0)


def test_a_delayed_message_waits(backend: Any) -> None:
    backend.send_message("work", "later", delay_seconds=60)
    assert receive(backend, 1) == [] and counts(backend) == (0, 0, 1)


def test_a_message_is_deleted_by_every_receipt_it_had(backend: Any) -> None:
    backend.send_message("work", "one")
    (first,) = receive(backend, 1)
    backend.change_message_visibility("work", first.receipt_handle, 0)
    (second,) = until(lambda: receive(backend, 1))
    backend.delete_message("work", first.receipt_handle)
    backend.delete_message("work", second.receipt_handle)
    assert counts(backend) == (0, 0, 0)
    with pytest.raises(ReceiptHandleIsInvalid):
        backend.delete_message("work", "never seen")


def test_the_clock_is_not_asked_for_each_message_that_waits(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MANY):
        backend.send_message("work", f"{number}")
    asked: list[float] = []

    def clock() -> float:
        asked.append(time.time() * 1000)
        return asked[-1]

    monkeypatch.setattr(models, "unix_time_millis", clock)
    for message in receive(backend, 10):
        backend.delete_message("work", message.receipt_handle)
    assert len(asked) < MANY // 10


def test_secrets_may_be_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("create_secret", "delete_secret", "get_secret_value", "put_secret_value"):
        monkeypatch.setattr(SecretsManagerBackend, name, getattr(SecretsManagerBackend, name))
    for name in ("create_schedule", "delete_schedule", "list_schedules"):
        monkeypatch.setattr(EventBridgeSchedulerBackend, name, getattr(EventBridgeSchedulerBackend, name))
    moto_patches.guard_lists()
    backend = SecretsManagerBackend("us-east-1", "000000000000")
    looked_at, made = threading.Event(), threading.Event()

    class Slow:
        """A secret that others are made beside while it is looked at."""

        name = "slow"

        @property
        def arn(self) -> str:
            if not looked_at.is_set():
                looked_at.set()
                made.wait(0.3)
            return "arn"

    def make(name: str) -> str:
        return backend.create_secret(name, "{}", None, None, None, None, "0" * 32, [], False)

    backend.secrets["slow"] = Slow()  # type: ignore[assignment]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(make, "first")
        looked_at.wait()
        pool.submit(make, "second").add_done_callback(lambda _: made.set())
        assert '"first"' in first.result()
