"""Lets containers reach the services on this machine's loopback, as Docker Desktop does by itself.

On Linux, `--add-host localhost:host-gateway` gives the name `localhost` in a container a second address, that of
Docker's bridge. Connections that the container's loopback refuses arrive there, and are forwarded to this loopback.
"""

import contextlib
import fcntl
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from local.environment import HOST

BRIDGE = b"docker0"
SIOCGIFADDR = 0x8915  # Linux, netdevice(7): an interface's address


@contextmanager
def bridged(ports: list[int]) -> Iterator[str | None]:
    """Forward connections to `ports` of Docker's bridge. Yields its address, None without a bridge.

    Only containers of this machine can connect to the bridge, the network cannot.
    """
    address = bridge_address()
    places = [(address, port) for port in ports] if address is not None else []
    with ExitStack() as stack:
        for place in places:
            server = stack.enter_context(_Server(place, _Forward))
            Thread(target=server.serve_forever, name=f"bridge {place}", daemon=True).start()
            stack.callback(server.shutdown)
        yield address


def bridge_address() -> str | None:
    """This machine's address on Docker's bridge; None without one, as with Docker Desktop."""
    with socket.socket() as probe:
        try:
            answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", BRIDGE))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a killed container never closes its connections


class _Forward(BaseRequestHandler):
    def handle(self) -> None:
        port = self.request.getsockname()[1]
        with contextlib.suppress(OSError), socket.create_connection((HOST, port)) as there:
            back = Thread(target=_copy, args=(there, self.request), daemon=True)
            back.start()
            _copy(self.request, there)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until either side closes, then close both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
