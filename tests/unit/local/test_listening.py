"""The servers that tests talk to."""

import asyncio
import socket

from local.testing.listening import listening


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


def test_connections_end_with_their_server() -> None:
    with listening(Greeter) as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        assert client.recv(5) == b"hello"
    with client:
        assert client.recv(1) == b""
