"""SMTP servers on loopback that behave, refuse, drop the line or fall silent at a chosen stage."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

T = TypeVar("T")

DROP = "drop the line"
STALL = "fall silent"
WAIT_SECONDS = 5


@dataclass
class Server:
    """What to do at a stage (a reply, DROP or STALL) and what came in.

    The stages: EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA (instead of 354), CONTENT (after 354),
    END (the final reply), RSET, QUIT.
    """

    port: int = 0
    behaviour: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    connections: int = 0
    greeted_as: str | None = None
    encrypted: bool = False
    authenticated: bool = False

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = self.greeted_as = hostname
        return responses

    async def handle_DATA(self, server: "_Conversation", session: Session, envelope: Envelope) -> str:  # noqa: N802
        await server.act("END")
        self.encrypted = server.line().get_extra_info("sslcontext") is not None
        self.authenticated = session.authenticated is True
        self.envelopes.append(envelope)
        return self.behaviour.get("END", f"250 2.0.0 Ok: queued as {len(self.envelopes)}")


class _Conversation(SMTP):
    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(server, hostname="test", loop=asyncio.get_running_loop(), **options)
        self._server = server
        server.connections += 1

    def line(self) -> asyncio.Transport:
        assert isinstance(self.transport, asyncio.Transport)
        return self.transport

    async def act(self, stage: str) -> bool:
        behaviour = self._server.behaviour.get(stage)
        if behaviour == DROP:
            self.line().abort()
            raise asyncio.CancelledError
        if behaviour == STALL:
            await asyncio.Event().wait()
        if behaviour is None or stage == "END":
            return False
        await self.push(behaviour)
        return True

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        await self.act("EHLO") or await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        await self.act("STARTTLS") or await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        await self.act("AUTH") or await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        await self.act("MAIL") or await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        await self.act("RCPT") or await super().smtp_RCPT(arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        await self.act("RSET") or await super().smtp_RSET(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        await self.act("QUIT") or await super().smtp_QUIT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if "CONTENT" in self._server.behaviour:
            await self.push("354 go ahead")
            await self.act("CONTENT")
        await self.act("DATA") or await super().smtp_DATA(arg)


@contextmanager
def serving(
    behaviour: dict[str, str] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Server]:
    """A server for mail; with `login` (and STARTTLS) it takes none before that login."""
    server = Server(behaviour=behaviour or {})
    options: dict[str, Any] = {"tls_context": starttls, "require_starttls": starttls is not None}
    if login is not None:
        expected = LoginPassword(login[0].encode(), login[1].encode())
        options["auth_required"] = options["auth_require_tls"] = starttls is not None
        options["authenticator"] = lambda *args: AuthResult(success=args[-1] == expected, handled=False)
    with listening(lambda: _Conversation(server, **options), tls, address) as server.port:
        yield server


@contextmanager
def talking(greeting: bytes = b"", *, hang_up: bool = False) -> Iterator[int]:
    """The port of a server that says one thing, or nothing, to whoever comes."""

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
def listening(
    protocol: Callable[[], asyncio.BaseProtocol],
    tls: ssl.SSLContext | None = None,
    address: str = "127.0.0.1",
) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)

    try:
        server = run(loop.create_server(protocol, address, 0, ssl=tls))
        yield server.sockets[0].getsockname()[1]
        run(_stop(server))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
