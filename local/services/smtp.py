"""The SMTP server: puts mail into the outbox, or fails in a chosen way."""

import asyncio
from typing import Any, AnyStr, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from local.environment import HOST
from local.services.outbox import Outbox

Mode = Literal["accept", "refuse", "reject-recipient", "reject-auth", "drop", "stall", "lose-answer"]
MEANINGS: dict[Mode, str] = {
    "accept": "accepts every message",
    "refuse": "answers 451 to MAIL FROM: try again later",
    "reject-recipient": "answers 550 to RCPT TO: no such mailbox",
    "reject-auth": "answers 535: user name or password not accepted",
    "drop": "closes the connection in the middle of DATA",
    "stall": "never answers DATA",
    "lose-answer": "accepts the message, but closes the connection without an answer",
}
_MAX_MESSAGE_BYTES = 40 * 1024 * 1024
_AUTH_REFUSED = "535 5.7.8 Authentication credentials invalid"


class MailServer:
    def __init__(self, outbox: Outbox, port: int) -> None:
        self.mode: Mode = "accept"
        self._outbox = outbox
        self._port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._connection, HOST, self._port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def _connection(self) -> SMTP:
        return _Connection(
            self,
            hostname="outbox.local",
            ident="Slowmatch outbox",
            data_size_limit=_MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=self._authenticate,
        )

    def _authenticate(self, *_: Any) -> AuthResult:
        if self.mode == "reject-auth":
            return AuthResult(success=False, handled=False, message=_AUTH_REFUSED)
        return AuthResult(success=True)

    # aiosmtpd calls these by name; they return the answer

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mode == "refuse":
            return "451 4.3.0 Try again later"
        if self.mode == "reject-auth":
            return _AUTH_REFUSED
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.mode == "reject-recipient":
            return f"550 5.1.1 <{address}>: no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.mode == "drop":
            return _hang_up(server)
        if self.mode == "stall":
            await asyncio.Event().wait()  # until the client gives up and the connection's task is cancelled
        content = envelope.original_content or b""
        identifier = self._outbox.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        return _hang_up(server) if self.mode == "lose-answer" else f"250 OK {identifier}"


class _Connection(SMTP):
    """Closes the connection if the first line is not SMTP.

    A web page can make a browser send an HTTP request with SMTP commands in its body. aiosmtpd alone would skip
    unknown lines and accept the mail.
    """

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        greeted = self.session is not None and self.session.host_name is not None
        if str(status).startswith("500 ") and not greeted and self.transport is not None:
            self.transport.close()
            self.transport = None  # ends aiosmtpd's loop, so that nothing more is read


def _hang_up(server: SMTP) -> str:
    if server.transport is not None:
        server.transport.close()
    return "421 4.3.2 Connection lost"
