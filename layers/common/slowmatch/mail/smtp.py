"""SMTP through one connection, which is opened again if it is lost between two messages.

A mail is sent in three steps, and only the last reply means that it was accepted:

    MAIL FROM, RCPT TO    5xx: Refused; 4xx or lost: Undelivered, nothing was sent
    DATA and the content  5xx: Refused; 4xx: Undelivered, nothing was sent
    the final reply       lost: Undelivered with `outcome_unknown`
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
from slowmatch.settings import is_loopback
from slowmatch.text import clean_line

Security = Literal["starttls", "tls", "none"]
QUIT_SECONDS = 5.0
"""For the server's answer to QUIT: every mail has been accepted by then."""
MAX_REPLY_CHARACTERS = 500
# OpenSSL's reasons when a server answers the first bytes in plain text.
_PLAIN_TEXT_ANSWER = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


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
        connection: smtplib.SMTP | None = self._connect(seconds_left())

        def send(message: Message) -> str:
            nonlocal connection
            content = message.as_bytes()
            connection = connection or self._connect(seconds_left())
            try:
                with self._time_limit(seconds_left(), connection):
                    return self._send(connection, message, content)
            except Exception:
                try:
                    connection.rset()
                except OSError:
                    connection.close()
                    connection = None
                raise

        try:
            yield send
        finally:
            if connection is not None:
                seconds = min(seconds_left(), QUIT_SECONDS)
                with suppress(OSError), hanging_up_after(seconds, connection):
                    connection.quit()
                connection.close()

    def _send(self, connection: smtplib.SMTP, message: Message, content: bytes) -> str:
        with self._translated_errors("MAIL_SENDER"):
            _check_reply(connection.mail(message.sender))
        with self._translated_errors("MAIL_RECIPIENTS"):
            _check_reply(connection.rcpt(message.recipient))
        with self._translated_errors("the content of the mail", outcome_unknown=True):
            return _check_reply(connection.data(content))

    @contextmanager
    def _time_limit(self, seconds: float, connection: smtplib.SMTP) -> Iterator[None]:
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

    def _connect(self, seconds_left: float) -> smtplib.SMTP:
        context = ssl.create_default_context()
        connect = partial(smtplib.SMTP_SSL, context=context) if self.security == "tls" else smtplib.SMTP
        timeout = max(min(self.timeout_seconds, seconds_left), 0.1)  # 0 would make the socket non-blocking
        with self._translated_errors("SMTP_HOST, SMTP_PORT and SMTP_SECURITY"):
            connection = connect(self.host, self.port, self.ehlo_name, timeout=timeout)
            if connection.sock is not None:
                connection.sock.settimeout(self.timeout_seconds)
        try:
            with self._time_limit(seconds_left, connection):
                with self._translated_errors("SMTP_PORT and SMTP_SECURITY"):
                    connection.ehlo_or_helo_if_needed()
                    if self.security == "starttls":
                        connection.starttls(context=context)
                with self._translated_errors("SMTP_SECRET_ARN"):
                    if self.username is not None and self.password is not None:
                        connection.login(self.username, self.password)
                    connection.ehlo_or_helo_if_needed()
        except Exception:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated_errors(self, look_at: str, *, outcome_unknown: bool = False) -> Iterator[None]:
        """Raise Refused or Undelivered for what fails inside; the error names the settings `look_at`."""
        try:
            yield
        except smtplib.SMTPResponseException as error:
            raise self._from_reply(error, look_at, outcome_unknown) from error
        except (OSError, UnicodeError) as error:
            raise self._from_exception(error, look_at, outcome_unknown) from error

    def _from_reply(
        self, error: smtplib.SMTPResponseException, look_at: str, outcome_unknown: bool
    ) -> MailError:
        code = error.smtp_code
        problem = f"{self._server} replied: {code} {clean_line(error.smtp_error, MAX_REPLY_CHARACTERS)}"
        if 400 <= code < 500:
            return Undelivered(problem)
        # Too long a reply is not read: smtplib has a text of its own in place of the bytes.
        if isinstance(error.smtp_error, str) or not 500 <= code < 600:
            return Undelivered(f"{problem}, which is not a valid SMTP reply", outcome_unknown=outcome_unknown)
        if isinstance(error, smtplib.SMTPAuthenticationError) or code == 535:
            return Refused(
                f"{problem}. Check the username and password in SMTP_SECRET_ARN: Gmail and Zoho require an app"
                " password, and Outlook requires SMTP AUTH to be enabled for the mailbox"
            )
        if code == 530:
            look_at = "SMTP_SECRET_ARN: the server requires a username and a password"
        return Refused(f"{problem}. Check {look_at}")

    def _from_exception(self, error: Exception, look_at: str, outcome_unknown: bool) -> MailError:
        problem = f"{self._server}: {str(error) or type(error).__name__}. Check {look_at}"
        is_lost = isinstance(error, smtplib.SMTPServerDisconnected)
        match error:
            case ssl.SSLCertVerificationError():
                return Refused(
                    f"{self._server} has a certificate that cannot be trusted: {error.verify_message}."
                    " Check SMTP_HOST, which must match the name in the certificate"
                )
            case ssl.SSLError() if error.reason in _PLAIN_TEXT_ANSWER:
                return Refused(f"{self._server} does not start with TLS on this port. Check {look_at}")
            case smtplib.SMTPException() | UnicodeError() if not is_lost:
                # The server lacks STARTTLS or a way to authenticate, or the password is not ASCII.
                return Refused(problem)
        return Undelivered(problem, outcome_unknown=outcome_unknown)


def _check_reply(reply: tuple[int, bytes]) -> str:
    """The reply as text if it is 2xx; else raise smtplib's own exception for it."""
    code, text = reply
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, text)
    return f"{code} {clean_line(text, MAX_REPLY_CHARACTERS)}".rstrip()
