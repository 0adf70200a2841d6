"""Checks before the start that no other stack uses the data folder, and that the ports are free."""

import fcntl
import os
import socket
from pathlib import Path

from local.environment import HOST, Ports
from local.errors import StackError

BLOCKED_BY_BROWSERS = frozenset(
    [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080]
)
"""Browsers open no page of these ports, because other services use them: https://fetch.spec.whatwg.org/#port-blocking.
Those below 1024 are left out: they are for root only."""


class Refused(StackError):
    """The stack cannot start here; the message says why and what to do."""


class FolderLock:
    """Held until this process ends, even by kill -9: the kernel releases it."""

    def __init__(self, data: Path) -> None:
        self._file = (data / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise Refused(
                f"a stack already runs in {data}: process {owner}. Stop it first (Ctrl-C there, or kill {owner})."
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.truncate(0)
        self._file.close()


def check_ports(ports: Ports, provider: bool = False) -> None:
    """Raises Refused for the first port that is taken or not allowed."""
    for port, purpose in ports.purposes(provider).items():
        if not 0 < port < 65536:
            raise Refused(
                f"port {port} for {purpose} is not between 1 and 65535; choose another: make run PORT=9000"
            )
        if port in BLOCKED_BY_BROWSERS and port in (ports.gateway, ports.provider):
            raise Refused(
                f"port {port}, needed for {purpose}, is one that browsers refuse to open; choose another:"
                " make run PORT=9000"
            )
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except PermissionError:
                raise Refused(
                    f"port {port} on {HOST}, needed for {purpose}, is reserved for root; choose one above 1023:"
                    " make run PORT=9000"
                ) from None
            except OSError as error:
                other = 9000 if ports.gateway != 9000 else 8080
                raise Refused(
                    f"port {port} on {HOST}, needed for {purpose}, is taken ({error.strerror})."
                    f" Stop the program that listens there, or choose other ports: make run PORT={other}"
                ) from None
