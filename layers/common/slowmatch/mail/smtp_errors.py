"""What failed in a conversation with an SMTP server: for good or for now, and which setting to look at."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from slowmatch.mail.errors import MailError, Refused, Undelivered
from slowmatch.mail.smtp_greeting import TlsExpected
from slowmatch.text import clean_line
from slowmatch.tls import certificate_problem

MAX_REPLY_CHARACTERS = 500
SERVICE_CLOSING = 421
# OpenSSL's reasons when a server answers the first bytes in plain text.
_PLAIN_TEXT_ANSWER = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_ENHANCED_CODE = re.compile(rb"[245]\.(\d{1,3}\.\d{1,3})(?!\d)")

_SENDER = "MAIL_SENDER: the account may not send mail as this address"
_MAILBOX = "MAIL_RECIPIENTS: there is no such mailbox"
_DOMAIN = "MAIL_RECIPIENTS: no mail can be sent to the address's domain"
_MAILBOX_REFUSES = "with the recipient: the mailbox is full or disabled"
_SIZE = "the template: the mail is too large"
_POLICY = (
    "the provider's policy: whether the account is active, within its limits, and may send as MAIL_SENDER"
    " to this recipient"
)
_PASSWORD = (
    "the username and password in SMTP_SECRET_ARN: Gmail and Zoho require an app password, and Outlook requires SMTP"
    " AUTH to be enabled for the mailbox"
)
_NO_PASSWORD = "SMTP_SECRET_ARN: the server requires a username and a password"
_ENCRYPTION = "SMTP_SECURITY: the server requires TLS"
_DOMAIN_PROOF = "the DNS of MAIL_SENDER's domain: its SPF, DKIM or DMARC record does not allow this server"
_LOOK_AT = {
    **dict.fromkeys(("1.1", "1.3", "1.6", "1.10", "4.1"), _MAILBOX),
    **dict.fromkeys(("1.2", "4.4", "7.27"), _DOMAIN),
    **dict.fromkeys(("1.7", "1.8", "2.252", "7.60"), _SENDER),
    **dict.fromkeys(("2.1", "2.2"), _MAILBOX_REFUSES),
    **dict.fromkeys(("2.3", "3.4"), _SIZE),
    **dict.fromkeys(("7.1", "7.2", "7.64"), _POLICY),
    **dict.fromkeys(("7.3", "7.8", "7.9", "7.14", "7.139"), _PASSWORD),
    **dict.fromkeys(("7.10", "7.11"), _ENCRYPTION),
    **dict.fromkeys(("7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.509"), _DOMAIN_PROOF),
    "7.57": _NO_PASSWORD,
}
"""By the enhanced status code without its class: RFC 3463, 4954 and 7372, and what Gmail and Exchange Online add."""


class SessionEnded(Undelivered):
    """The server ended the session (421): it wants no further mail now."""


@contextmanager
def translated(server: str, look_at: str, *, outcome_unknown: bool = False) -> Iterator[None]:
    """Raise Refused or Undelivered for what fails inside; the error names the settings `look_at`."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _from_reply(server, error, look_at, outcome_unknown) from error
    except (OSError, UnicodeError) as error:
        raise _from_exception(server, error, look_at, outcome_unknown) from error


def _from_reply(
    server: str, error: smtplib.SMTPResponseException, look_at: str, outcome_unknown: bool
) -> MailError:
    code = error.smtp_code
    problem = f"{server} replied: {code} {clean_line(error.smtp_error, MAX_REPLY_CHARACTERS)}"
    if code == SERVICE_CLOSING:
        return SessionEnded(problem)
    if 400 <= code < 500:
        return Undelivered(problem)
    # Too long a reply is not read: smtplib has a text of its own in place of the bytes.
    if isinstance(error.smtp_error, str) or not 500 <= code < 600:
        return Undelivered(f"{problem}, which is not a valid SMTP reply", outcome_unknown=outcome_unknown)
    return Refused(f"{problem}. Check {_look_at(error, look_at)}")


def _look_at(error: smtplib.SMTPResponseException, otherwise: str) -> str:
    """The setting that a reply is about; `otherwise` if only the moment of the reply tells."""
    code, reply = error.smtp_code, cast(bytes, error.smtp_error)
    enhanced = _ENHANCED_CODE.match(reply)
    known = _LOOK_AT.get(enhanced[1].decode()) if enhanced else None
    if code == 538 or (code == 530 and b"STARTTLS" in reply.upper()):
        return _ENCRYPTION
    if code == 530:
        return _NO_PASSWORD
    if isinstance(error, smtplib.SMTPAuthenticationError) or code == 535:
        return known if known == _ENCRYPTION else _PASSWORD
    return known or otherwise


def _from_exception(server: str, error: Exception, look_at: str, outcome_unknown: bool) -> MailError:
    problem = f"{server}: {str(error) or type(error).__name__}. Check {look_at}"
    is_lost = isinstance(error, smtplib.SMTPServerDisconnected)
    match error:
        case ssl.SSLCertVerificationError():
            look_at = "; check SMTP_HOST" if "another host" in certificate_problem(error) else ""
            return Refused(f"the TLS certificate of {server} {certificate_problem(error)}{look_at}")
        case ssl.SSLError() if error.reason in _PLAIN_TEXT_ANSWER:
            return Refused(
                f"{server} does not start with TLS on this port: set SMTP_SECURITY to starttls, or check SMTP_PORT"
            )
        case TlsExpected():
            return Refused(
                f"{server} expects TLS from the first byte: set SMTP_SECURITY to tls, or check SMTP_PORT"
            )
        case smtplib.SMTPException() | UnicodeError() if not is_lost:
            # The server lacks STARTTLS or a way to sign in, or the host's name is not valid.
            return Refused(problem)
    return Undelivered(problem, outcome_unknown=outcome_unknown)
