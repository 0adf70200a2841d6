"""Time limits for work in many steps, and for a whole conversation over a connection."""

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
    """The time after which no next step begins, by the clock of `time.monotonic`."""

    at: float = math.inf

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.at

    @property
    def seconds_left(self) -> float:
        return self.at - time.monotonic()


NEVER = Deadline()


class Connection(Protocol):
    """A connection of http.client or smtplib; `sock` is None while it is not open."""

    @property
    def sock(self) -> socket.socket | None: ...


@contextmanager
def hanging_up_after(seconds: float, connection: Connection) -> Iterator[threading.Event]:
    """Shut the socket down after `seconds` (infinite: never), which ends whatever waits for it, and set the event.

    A socket's own time-out limits one operation, so a server that sends a byte now and then never meets it.
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
