"""SMTP servers on loopback that work, or fail at a chosen stage."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from local.services.smtp import SmtpConnection
from local.testing.listening import listening


@dataclass
class FakeSmtpServer:
    """What it has received, and `faults`, as in `local.services.smtp`."""

    port: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    connections: int = 0
    greeted_as: str | None = None
    encrypted: bool = False
    authenticated: bool = False

    def store(self, connection: SmtpConnection, envelope: Envelope) -> str:
        assert connection.session is not None
        self.greeted_as = connection.session.host_name
        self.encrypted = connection.tcp().get_extra_info("sslcontext") is not None
        self.authenticated = connection.session.authenticated is True
        self.envelopes.append(envelope)
        return f"2.0.0 Ok: queued as {len(self.envelopes)}"


@contextmanager
def serving(
    faults: dict[str, str] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    address: str = "127.0.0.1",
) -> Iterator[FakeSmtpServer]:
    """A server for mail; with `login` (and STARTTLS) it accepts none before that login."""
    server = FakeSmtpServer(faults=faults or {})
    options: dict[str, Any] = {"tls_context": starttls, "require_starttls": starttls is not None}
    if login is not None:
        expected = LoginPassword(login[0].encode(), login[1].encode())
        options["auth_required"] = options["auth_require_tls"] = starttls is not None
        options["authenticator"] = lambda *args: AuthResult(success=args[-1] == expected, handled=False)

    def connect() -> SmtpConnection:
        server.connections += 1
        return SmtpConnection(server, **options)

    with listening(connect, tls, address) as server.port:
        yield server


@contextmanager
def talking(greeting: bytes = b"", *, hang_up: bool = False) -> Iterator[int]:
    """The port of a server that sends one greeting, or nothing."""

    class Talker(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            transport.write(greeting)

        def data_received(self, data: bytes) -> None:
            if hang_up:
                self.transport.abort()

    with listening(Talker) as port:
        yield port


@contextmanager
def scripted(*replies: str) -> Iterator[tuple[int, list[str]]]:
    """The port of a server that answers each line with the next reply, and the lines that it has received."""
    received: list[str] = []

    class Script(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport, self.replies = transport, iter(replies)
            transport.write(b"220 here\r\n")

        def data_received(self, data: bytes) -> None:
            for line in data.decode().splitlines():
                received.append(line)
                self.transport.write(f"{next(self.replies, '221 bye')}\r\n".encode())

    with listening(Script) as port:
        yield port, received
