"""SMTP through one connection, opened again when it is lost between two messages.

A mail is handed over in three steps, and only the last reply makes it sent:

    MAIL FROM, RCPT TO    refused 5xx: Refused; 4xx or lost: Undelivered, nothing was sent
    DATA and the content  refused 5xx: Refused; 4xx: Undelivered, nothing was sent
    its final reply       lost: Undelivered with `outcome_unknown`
"""

import math
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from slowmatch.deadline import hanging_up_after
from slowmatch.mail.errors import Refused, Undelivered
from slowmatch.mail.message import Message, Receipt
from slowmatch.mail.smtp_errors import accepted, translated
from slowmatch.settings import is_loopback

Security = Literal["starttls", "tls", "none"]
QUIT_SECONDS = 5.0
"""The goodbye comes after the last mail was taken: a server that does not answer it is not waited for."""
SHORTEST_TIMEOUT_SECONDS = 0.1
"""A time-out of 0 would mean a socket that does not wait."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """A server and how to talk to it. Raise Refused for a connection that would not be safe.

    `ehlo_name` is how this side introduces itself, best the sender's domain: some relays refuse
    names such as localhost. `timeout_seconds` is for each reply, connecting included.
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
                f"SMTP_SECURITY: 'none' is allowed for a server on this machine only, and the server is"
                f" {self.host}; use 'starttls' or 'tls'"
            )
        if (self.username is None) != (self.password is None):
            raise Refused("SMTP_SECRET_ARN: the secret needs both a username and a password")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@contextmanager
def session(smtp: Smtp, seconds_left: Callable[[], float] = lambda: math.inf) -> Iterator["_Session"]:
    """Connect, authenticate, and yield what posts messages. Raise Refused or Undelivered."""
    post = _Session(smtp, seconds_left)
    try:
        yield post
    finally:
        post.close()


class _Session:
    def __init__(self, smtp: Smtp, seconds_left: Callable[[], float]) -> None:
        self._smtp = smtp
        self._seconds_left = seconds_left
        self._connection: smtplib.SMTP | None = _connect(smtp, seconds_left())

    def __call__(self, message: Message) -> Receipt:
        content = message.as_bytes()
        if self._connection is None:
            self._connection = _connect(self._smtp, self._seconds_left())
        try:
            with _time_limit(self._smtp, self._seconds_left(), self._connection):
                return self._deliver(self._connection, message, content)
        except Exception:
            self._forget(self._connection)
            raise

    def close(self) -> None:
        if self._connection is not None:
            goodbye = min(self._seconds_left(), QUIT_SECONDS)
            with suppress(smtplib.SMTPException, OSError), hanging_up_after(goodbye, self._connection):
                self._connection.quit()
            self._connection.close()

    def _deliver(self, connection: smtplib.SMTP, message: Message, content: bytes) -> Receipt:
        server = str(self._smtp)
        with translated(server, "MAIL_SENDER"):
            accepted(connection.mail(message.sender))
        with translated(server, "MAIL_RECIPIENTS"):
            accepted(connection.rcpt(message.recipient))
        with translated(server, "the content of the mail", outcome_unknown=True):
            return Receipt(accepted(connection.data(content)))

    def _forget(self, connection: smtplib.SMTP) -> None:
        """One refused message must not stand in the way of the next."""
        try:
            connection.rset()
        except (smtplib.SMTPException, OSError):
            connection.close()
            self._connection = None


@contextmanager
def _time_limit(smtp: Smtp, seconds: float, connection: smtplib.SMTP) -> Iterator[None]:
    """Hang up after `seconds`, and say so instead of that the line was lost."""
    with hanging_up_after(seconds, connection) as hung_up:
        try:
            yield
        except Undelivered as error:
            if not hung_up.is_set():
                raise
            raise Undelivered(
                f"SMTP server {smtp} was too slow: {seconds:.0f} seconds were left for this mail",
                outcome_unknown=error.outcome_unknown,
            ) from error


def _connect(smtp: Smtp, seconds_left: float) -> smtplib.SMTP:
    server = str(smtp)
    context = ssl.create_default_context()
    with translated(server, "SMTP_HOST, SMTP_PORT and SMTP_SECURITY"):
        connection = _open(smtp, context, seconds_left)
    try:
        with _time_limit(smtp, seconds_left, connection):
            _introduce(smtp, server, context, connection)
    except Exception:
        connection.close()
        raise
    return connection


def _introduce(smtp: Smtp, server: str, context: ssl.SSLContext, connection: smtplib.SMTP) -> None:
    with translated(server, "SMTP_PORT and SMTP_SECURITY"):
        connection.ehlo_or_helo_if_needed()
        if smtp.security == "starttls":
            connection.starttls(context=context)
    with translated(server, "SMTP_SECRET_ARN"):
        if smtp.username is not None and smtp.password is not None:
            connection.login(smtp.username, smtp.password)
        connection.ehlo_or_helo_if_needed()


def _open(smtp: Smtp, context: ssl.SSLContext, seconds_left: float) -> smtplib.SMTP:
    """Connect within `seconds_left`. What follows has the time-out of each reply, and a limit from outside."""
    to, timeout = (smtp.host, smtp.port, smtp.ehlo_name), min(smtp.timeout_seconds, seconds_left)
    timeout = max(timeout, SHORTEST_TIMEOUT_SECONDS)
    if smtp.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(*to, timeout=timeout, context=context)
    else:
        connection = smtplib.SMTP(*to, timeout=timeout)
    if connection.sock is not None:
        connection.sock.settimeout(smtp.timeout_seconds)
    return connection
