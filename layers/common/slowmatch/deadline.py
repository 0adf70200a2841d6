"""A time limit for a whole conversation over a connection, whatever the other side does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol


class Connection(Protocol):
    """As http.client and smtplib have them; without a socket while it is not open."""

    @property
    def sock(self) -> socket.socket | None: ...


@contextmanager
def hanging_up_after(seconds: float, connection: Connection) -> Iterator[threading.Event]:
    """Shut the socket down after `seconds` (infinite: never), which ends whatever waits for it, and set the event.

    A socket's own time-out is for one operation: a server that sends a byte now and then outlives it.
    """
    hung_up = threading.Event()

    def hang_up() -> None:
        hung_up.set()
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(min(max(seconds, 0), threading.TIMEOUT_MAX), hang_up)
    timer.start()
    try:
        yield hung_up
    finally:
        timer.cancel()
