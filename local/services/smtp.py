"""The SMTP server: puts mail into the outbox, or fails in a chosen way. Unit tests let it fail at any stage."""

import asyncio
from typing import Any, AnyStr, Literal, Protocol, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from local.environment import HOST
from local.services.outbox import Outbox

DROP = "drop the connection"
STALL = "do not answer"
_AUTH_REFUSED = "535 5.7.8 Authentication credentials invalid"
_MAX_MESSAGE_BYTES = 40 * 1024 * 1024

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
FAULTS: dict[Mode, dict[str, str]] = {
    "accept": {},
    "refuse": {"MAIL": "451 4.3.0 Try again later"},
    "reject-recipient": {"RCPT": "550 5.1.1 {recipient}: no such mailbox"},
    "reject-auth": {"AUTH": _AUTH_REFUSED, "MAIL": _AUTH_REFUSED},
    "drop": {"END": DROP},
    "stall": {"END": STALL},
    "lose-answer": {"ANSWER": DROP},
}


class Mailbox(Protocol):
    """Stores mail. `faults` has what happens at a stage instead: a reply, DROP or STALL.

    The stages: EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA (in place of 354), CONTENT (after 354), END (before the mail is
    stored), ANSWER (after that), RSET, QUIT.
    """

    @property
    def faults(self) -> dict[str, str]: ...

    def store(self, connection: "SmtpConnection", envelope: Envelope) -> str:
        """Return what stands after 250 in the answer."""


class SmtpConnection(SMTP):
    """Closes the connection if the first line is not SMTP.

    A web page can make a browser send an HTTP request with SMTP commands in its body. aiosmtpd alone would skip
    unknown lines and accept the mail.
    """

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        options = {"hostname": "outbox.local", "ident": "Slowmatch outbox", **options}
        super().__init__(_DataHandler(), loop=asyncio.get_running_loop(), **options)
        self._mailbox = mailbox

    def tcp(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self.transport)

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        greeted = self.session is not None and self.session.host_name is not None
        if str(status).startswith("500 ") and not greeted and self.transport is not None:
            self.transport.close()
            self.transport = None  # ends aiosmtpd's loop, so that nothing more is read

    async def _fault(self, stage: str) -> str | None:
        """The reply at this stage, if there is one; DROP and STALL do not return."""
        fault = self._mailbox.faults.get(stage)
        if fault == DROP:
            self.tcp().abort()
            raise asyncio.CancelledError
        if fault == STALL:
            await asyncio.Event().wait()  # until the client gives up and the connection's task is cancelled
        return fault

    async def _fails(self, stage: str, recipient: str = "") -> bool:
        reply = await self._fault(stage)
        if reply is not None:
            await self.push(reply.replace("{recipient}", recipient))
        return reply is not None

    # aiosmtpd calls these by name

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        await self._fails("EHLO") or await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        await self._fails("STARTTLS") or await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        await self._fails("AUTH") or await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        await self._fails("MAIL") or await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        await self._fails("RCPT", arg.partition(":")[2].strip()) or await super().smtp_RCPT(arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        await self._fails("RSET") or await super().smtp_RSET(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        await self._fails("QUIT") or await super().smtp_QUIT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if "CONTENT" in self._mailbox.faults:
            await self.push("354 go ahead")
            await self._fails("CONTENT")
        await self._fails("DATA") or await super().smtp_DATA(arg)

    async def accept(self, envelope: Envelope) -> str:
        if reply := await self._fault("END"):
            return reply
        answer = self._mailbox.store(self, envelope)
        await self._fault("ANSWER")
        return f"250 {answer}"


class _DataHandler:
    async def handle_DATA(self, server: SmtpConnection, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        return await server.accept(envelope)


class MailServer:
    """Keeps mail in the outbox, and fails as `mode` says."""

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

    @property
    def faults(self) -> dict[str, str]:
        return FAULTS[self.mode]

    def store(self, _connection: SmtpConnection, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        return f"OK {self._outbox.add(envelope.mail_from or '', envelope.rcpt_tos, content)}"

    def _connection(self) -> SmtpConnection:
        return SmtpConnection(
            self,
            data_size_limit=_MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True),
        )
