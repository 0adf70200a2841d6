"""moto's AWS on one port, in a process of its own: `python -m local.moto_server PORT`.

Its queues are made safe for threads: as they are, a message sent while another is deleted can vanish,
and two receivers can get the same one. A delayed message is noticed within 0.1 s instead of 1 s.
"""

import importlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_NOTICE_SECONDS = 0.1
_SERVICES = ("sqs", "events", "secretsmanager", "sns", "sesv2")


def main(port: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    _guard_queues()
    for service in _SERVICES:
        importlib.import_module(f"moto.{service}.urls")
    application: Any = DomainDispatcherApplication(create_backend_app)
    make_server("127.0.0.1", port, application, threaded=True).serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    import os

    os._exit(0)


def _guard_queues() -> None:
    from moto.sqs.models import Queue, SQSBackend

    lock = threading.RLock()

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    receive = guarded(SQSBackend.receive_message)

    def receive_message(
        self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kwargs: Any
    ) -> Any:
        """Long polling outside the lock: wait for a message to be visible, then take what there is at once."""
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            messages = receive(self, queue_name, count, 0, *args, **kwargs)
            left = deadline - time.monotonic()
            if messages or left <= 0:
                return messages
            with queue._messages_lock:
                queue._messages_lock.wait(min(left, _NOTICE_SECONDS))

    SQSBackend.receive_message = receive_message
    for name in ("delete_message", "change_message_visibility", "send_message", "purge_queue"):
        setattr(SQSBackend, name, guarded(getattr(SQSBackend, name)))
    Queue.delete_message = guarded(Queue.delete_message)


if __name__ == "__main__":
    main(int(sys.argv[1]))
