"""Free ports for the stacks that tests start, and one that is closed."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from local.exclusive import BLOCKED_BY_BROWSERS

_RESERVED: list[socket.socket] = []
"""One UDP socket for each block of ports that this process was given: no stack uses UDP, but all tests see them."""


def free_ports() -> int:
    """The first of five free consecutive ports, below the range that the system uses for clients.

    No other process that runs these tests gets the same ones before this process ends.
    """
    for port in range(10_000 + os.getpid() * 40 % 16_000, 30_000, 5):
        if not BLOCKED_BY_BROWSERS.isdisjoint(range(port, port + 5)):
            continue
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind(("127.0.0.1", port))
            for number in range(port, port + 5):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            reservation.close()
            continue
        _RESERVED.append(reservation)
        return port
    raise AssertionError("no five neighbouring ports are free")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections. It is bound meanwhile, so nothing else can open it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
