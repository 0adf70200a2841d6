"""Patches of moto's server."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local.services.outbox import Outbox

_WAIT_SECONDS = 0.1


def guard_queues() -> None:
    """Make queues safe for threads, and long polling prompt.

    In moto, a message that is sent while another one is deleted can vanish, two receivers can get the same message,
    and a message whose delay is over is noticed up to a second late.
    """
    from moto.sqs.models import SQSBackend

    guarded = _guard()
    receive_now = guarded(SQSBackend.receive_message)

    def receive_message(self: Any, queue_name: str, count: int, wait: int, *args: Any, **kwargs: Any) -> Any:
        """Wait outside the lock until a message is visible, then receive."""
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + wait
        while True:
            messages = receive_now(self, queue_name, count, 0, *args, **kwargs)
            left = deadline - time.monotonic()
            if messages or left <= 0:
                return messages
            queue.wait_for_messages(min(left, _WAIT_SECONDS))

    replaced: dict[str, Callable[..., Any]] = {"receive_message": receive_message}
    for name in ("send_message", "delete_message", "change_message_visibility", "purge_queue"):
        replaced[name] = guarded(getattr(SQSBackend, name))
    for name, method in replaced.items():
        setattr(SQSBackend, name, method)


def guard_lists() -> None:
    """Let nothing be made or deleted while a request looks through the list, or moto answers with status 500."""
    from moto.scheduler.models import EventBridgeSchedulerBackend
    from moto.secretsmanager.models import SecretsManagerBackend

    methods = {
        EventBridgeSchedulerBackend: ("create_schedule", "delete_schedule", "list_schedules"),
        SecretsManagerBackend: ("create_secret", "delete_secret", "get_secret_value", "put_secret_value"),
    }
    for backend, names in methods.items():
        guarded = _guard()
        for name in names:
            setattr(backend, name, guarded(getattr(backend, name)))


def _guard() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: of the methods that it wraps, one runs at a time."""
    lock = threading.RLock()

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    return guarded


def speed_up_queues() -> None:
    """Keep queues of ten thousand messages fast.

    In moto, each send, receive and delete looks at every message several times and reads the clock for each: sending
    300 messages took 16 s on two busy cores; with this patch, sending 1,000 takes 10 s.
    """
    from moto.sqs import models
    from moto.sqs.exceptions import ReceiptHandleIsInvalid

    def messages(self: Any) -> list[Any]:
        now = _milliseconds()
        return [each for each in self._messages if each.visible_at < now and each.delayed_until <= now]

    def delayed(self: Any) -> int:
        now = _milliseconds()
        return sum(each.delayed_until > now for each in self._messages)

    def not_visible(self: Any) -> int:
        now = _milliseconds()
        return sum(each.visible_at >= now for each in self._messages)

    def is_kept(self: Any, queue_name: str, message: Any) -> bool:
        sent = message.sent_timestamp / 1000
        return bool(sent + self.get_queue(queue_name).message_retention_period > time.time())

    def delete_message(self: Any, receipt_handle: str) -> None:
        """Search from the front, where the messages in flight are."""
        if receipt_handle in self.deleted_messages:
            return
        for place, message in enumerate(self._messages):
            if message.had_receipt_handle(receipt_handle):
                self.pending_messages.discard(message)
                self.deleted_messages.update(message.all_receipt_handles)
                del self._messages[place]
                return
        raise ReceiptHandleIsInvalid

    replaced: dict[str, Any] = {
        "messages": property(messages),
        "approximate_number_of_messages_delayed": property(delayed),
        "approximate_number_of_messages_not_visible": property(not_visible),
        "delete_message": delete_message,
    }
    for name, value in replaced.items():
        setattr(models.Queue, name, value)
    setattr(models.SQSBackend, "is_message_valid_based_on_retention_period", is_kept)  # noqa: B010
    setattr(models, "unix_time_millis", _milliseconds)  # noqa: B010


def _milliseconds() -> float:
    return time.time() * 1000


def keep_mail(outbox: Outbox) -> None:
    """Put the mail that SES accepts into the outbox too."""
    from moto.ses.models import SESBackend

    send = SESBackend.send_raw_email

    def send_raw_email(self: Any, *args: Any, **kwargs: Any) -> Any:
        message = send(self, *args, **kwargs)
        outbox.add(message.source, list(dict.fromkeys(message.destinations)), message.raw_data.encode())
        return message

    replaced: dict[str, Callable[..., Any]] = {"send_raw_email": send_raw_email}
    for name, method in replaced.items():
        setattr(SESBackend, name, method)
