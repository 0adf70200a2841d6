"""SMTP through one connection, which is opened again if it is lost between two messages.

A mail is sent in three steps, and only the last reply means that it was accepted:

    MAIL FROM, RCPT TO    5xx: Refused; 4xx or lost: Undelivered, nothing was sent
    DATA and the content  5xx: Refused; 4xx: Undelivered, nothing was sent
    the final reply       lost: Undelivered with `outcome_unknown`

After 421, or if connecting or signing in again fails, the session is over: the other messages fail in the same way
without being tried, and no connection is made for them.
"""

import math
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from slowmatch.deadline import hanging_up_after
from slowmatch.mail.errors import MailError, Refused, Undelivered
from slowmatch.mail.message import Message
from slowmatch.mail.smtp_errors import MAX_REPLY_CHARACTERS, SessionEnded, translated
from slowmatch.mail.smtp_greeting import ImpatientSmtp
from slowmatch.mail.smtp_sign_in import sign_in
from slowmatch.settings import is_loopback
from slowmatch.text import clean_line

Security = Literal["starttls", "tls", "none"]
QUIT_SECONDS = 5.0
"""For the server's answer to QUIT: every mail has been accepted by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """A server and how to connect. Raises Refused for a connection that would not be safe.

    `ehlo_name` is how this side introduces itself, preferably the sender's domain: some relays refuse names such as
    localhost. `timeout_seconds` is for connecting and for each reply.
    """

    host: str
    port: int
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ehlo_name: str | None = None
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.security == "none" and not is_loopback(self.host):
            raise Refused(
                f"SMTP_SECURITY: 'none' is allowed only for a server on this machine, but the server is"
                f" {self.host}; use 'starttls' or 'tls'"
            )

    def __str__(self) -> str:
        return f"{self.host}, port {self.port}"

    @property
    def _server(self) -> str:
        """How errors name it."""
        return f"SMTP server {self.host}:{self.port}"

    @contextmanager
    def open(
        self, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> Iterator[Callable[[Message], str]]:
        """Connect, authenticate, and yield a function that sends a message and returns the server's final reply.

        A message that the server has not accepted within `seconds_left()` is Undelivered; the next one can be sent.
        """
        session = _Session(self, seconds_left)
        try:
            yield session.send
        finally:
            session.close()

    def transmit(self, connection: smtplib.SMTP, message: Message, content: bytes) -> str:
        """The three steps of one mail."""
        with translated(self._server, "MAIL_SENDER"):
            _check_reply(connection.mail(message.sender))
        with translated(self._server, "MAIL_RECIPIENTS"):
            _check_reply(connection.rcpt(message.recipient))
        with translated(self._server, "the content of the mail", outcome_unknown=True):
            return _check_reply(connection.data(content))

    @contextmanager
    def time_limit(self, seconds: float, connection: smtplib.SMTP) -> Iterator[None]:
        """Hang up after `seconds`; the error then says that the server was too slow, not that it hung up."""
        with hanging_up_after(seconds, connection) as hung_up:
            try:
                yield
            except Undelivered as error:
                if not hung_up.is_set():
                    raise
                raise Undelivered(
                    f"{self._server} was too slow: only {seconds:.0f} seconds were left for this email",
                    outcome_unknown=error.outcome_unknown,
                ) from error

    def connect(self, seconds_left: float) -> smtplib.SMTP:
        context = ssl.create_default_context()
        connect = partial(smtplib.SMTP_SSL, context=context) if self.security == "tls" else ImpatientSmtp
        timeout = max(min(self.timeout_seconds, seconds_left), 0.1)  # 0 would make the socket non-blocking
        with translated(self._server, "SMTP_HOST, SMTP_PORT and SMTP_SECURITY"):
            connection = connect(self.host, self.port, self.ehlo_name, timeout=timeout)
            if connection.sock is not None:
                connection.sock.settimeout(self.timeout_seconds)
        try:
            with self.time_limit(seconds_left, connection):
                with translated(self._server, "SMTP_PORT and SMTP_SECURITY"):
                    connection.ehlo_or_helo_if_needed()
                    if self.security == "starttls":
                        connection.starttls(context=context)
                with translated(self._server, "SMTP_SECRET_ARN"):
                    connection.ehlo_or_helo_if_needed()
                    if self.username is not None and self.password is not None:
                        sign_in(connection, self.username, self.password)
        except Exception:
            connection.close()
            raise
        return connection


class _Session:
    """The connection for several messages, made again if it was lost, but not after the session is over."""

    def __init__(self, server: Smtp, seconds_left: Callable[[], float]) -> None:
        self._server = server
        self._seconds_left = seconds_left
        self._connection: smtplib.SMTP | None = server.connect(seconds_left())
        self._end: MailError | None = None

    def send(self, message: Message) -> str:
        content = message.as_bytes()
        if self._end is not None:
            raise type(self._end)(f"not tried: {self._end}")
        try:
            connection = self._connection = self._connection or self._server.connect(self._seconds_left())
        except MailError as error:
            self._end = error
            raise
        try:
            with self._server.time_limit(self._seconds_left(), connection):
                return self._server.transmit(connection, message, content)
        except SessionEnded as error:
            self._end = error
            self._drop()
            raise
        except Exception:
            try:
                connection.rset()
            except OSError:
                self._drop()
            raise

    def close(self) -> None:
        if self._connection is not None:
            seconds = min(self._seconds_left(), QUIT_SECONDS)
            with suppress(OSError), hanging_up_after(seconds, self._connection):
                self._connection.quit()
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _check_reply(reply: tuple[int, bytes]) -> str:
    """The reply as text if it is 2xx; else raise smtplib's own exception for it."""
    code, text = reply
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, text)
    return f"{code} {clean_line(text, MAX_REPLY_CHARACTERS)}".rstrip()
