"""Free ports for the stacks that tests start."""

import os
import socket


def free_ports() -> int:
    """The first of five free consecutive ports, below the range that the system uses for clients."""
    for port in range(10_000 + os.getpid() * 40 % 16_000, 30_000, 5):
        try:
            for number in range(port, port + 5):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise AssertionError("no five neighbouring ports are free")
