"""What smtplib raises and what servers reply, in our two words and for people."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from slowmatch.mail.errors import MailError, Refused, Undelivered
from slowmatch.text import clean_line

# What OpenSSL says to a server that answers its first bytes in plain text.
_PLAIN_TEXT_ANSWER = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_REPLY_LIMIT = 500


@contextmanager
def translated(server: str, look_at: str, *, outcome_unknown: bool = False) -> Iterator[None]:
    """Raise Refused or Undelivered for what goes wrong inside, telling people to look at `look_at`."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _from_reply(error, server, look_at, outcome_unknown) from error
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise _from_exception(error, server, look_at, outcome_unknown) from error


def accepted(answer: tuple[int, bytes]) -> str:
    """The reply as text when it is 2xx; else raise smtplib's own exception for it."""
    code, reply = answer
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, reply)
    return f"{code} {_text(reply)}".rstrip()


def _from_reply(
    error: smtplib.SMTPResponseException, server: str, look_at: str, outcome_unknown: bool
) -> MailError:
    said = f"SMTP server {server} said: {error.smtp_code} {_text(error.smtp_error)}"
    if 400 <= error.smtp_code < 500:
        return Undelivered(said)
    unread = isinstance(error.smtp_error, str)  # smtplib's own words: the reply was too long for it
    if unread or not 500 <= error.smtp_code < 600:
        return Undelivered(f"{said}, which is no answer in SMTP", outcome_unknown=outcome_unknown)
    if isinstance(error, smtplib.SMTPAuthenticationError) or error.smtp_code == 535:
        return Refused(
            f"{said}. Look at the username and password in SMTP_SECRET_ARN: Gmail and Zoho want an app"
            " password, Outlook wants SMTP AUTH switched on for the mailbox"
        )
    if error.smtp_code == 530:
        look_at = "SMTP_SECRET_ARN, the server wants a username and password"
    return Refused(f"{said}. Look at {look_at}")


def _from_exception(error: Exception, server: str, look_at: str, outcome_unknown: bool) -> MailError:
    said = f"SMTP server {server}: {str(error) or type(error).__name__}. Look at {look_at}"
    match error:
        case ssl.SSLCertVerificationError():
            return Refused(
                f"SMTP server {server} has a certificate that cannot be trusted: {error.verify_message}."
                " Look at SMTP_HOST, which has to be the name in the certificate"
            )
        case ssl.SSLError() if error.reason in _PLAIN_TEXT_ANSWER:
            return Refused(f"SMTP server {server} does not begin with TLS on this port. Look at {look_at}")
        case smtplib.SMTPServerDisconnected():
            return Undelivered(said, outcome_unknown=outcome_unknown)
        case smtplib.SMTPException() | UnicodeError():
            # The server lacks STARTTLS or a way to authenticate, or the password is not ASCII.
            return Refused(said)
        case _:
            return Undelivered(said, outcome_unknown=outcome_unknown)


def _text(reply: bytes | str) -> str:
    return clean_line(reply, _REPLY_LIMIT)
