"""moto's AWS on one port, in a process of its own: `python -m local.moto_server PORT`.

Its queues are made safe for threads: as they are, a message sent while another is deleted can vanish,
and two receivers can get the same one. A delayed message is noticed within 0.1 s instead of 1 s.
"""

import importlib
import logging
import os
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
    """Standard input is a pipe from the stack: it closes when the stack dies, however that is."""
    sys.stdin.read()
    os._exit(0)


def _guard_queues() -> None:
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


if __name__ == "__main__":
    main(int(sys.argv[1]))
