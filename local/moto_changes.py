"""What moto's server does differently here."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local.outbox import Outbox

_NOTICE_SECONDS = 0.1


def guard_queues() -> None:
    """Make queues safe for threads, and long polling prompt.

    As moto has it, a message sent while another one is deleted can vanish, and two receivers can get the
    same one; and a message whose delay is over is noticed after up to a second.
    """
    from moto.sqs.models import SQSBackend

    lock = threading.RLock()

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    take = guarded(SQSBackend.receive_message)

    def receive_message(self: Any, queue_name: str, count: int, wait: int, *args: Any, **kwargs: Any) -> Any:
        """Wait outside the lock until a message is visible, then take what there is at once."""
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + wait
        while True:
            messages = take(self, queue_name, count, 0, *args, **kwargs)
            left = deadline - time.monotonic()
            if messages or left <= 0:
                return messages
            queue.wait_for_messages(min(left, _NOTICE_SECONDS))

    replaced: dict[str, Callable[..., Any]] = {"receive_message": receive_message}
    for name in ("send_message", "delete_message", "change_message_visibility", "purge_queue"):
        replaced[name] = guarded(getattr(SQSBackend, name))
    for name, method in replaced.items():
        setattr(SQSBackend, name, method)


def keep_mail(outbox: Outbox) -> None:
    """Put what SES accepts into the outbox, beside what comes by SMTP."""
    from moto.ses.models import SESBackend

    send = SESBackend.send_raw_email

    def send_raw_email(self: Any, *args: Any, **kwargs: Any) -> Any:
        message = send(self, *args, **kwargs)
        outbox.add(message.source, list(dict.fromkeys(message.destinations)), message.raw_data.encode())
        return message

    replaced: dict[str, Callable[..., Any]] = {"send_raw_email": send_raw_email}
    for name, method in replaced.items():
        setattr(SESBackend, name, method)
