"""Time limits: for work in many steps, and for a whole conversation over a connection, whatever the other side does."""

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when something may go on with a next step, by the clock of `time.monotonic`."""

    at: float = math.inf

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.at


NEVER = Deadline()


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
