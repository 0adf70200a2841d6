"""One mail to one recipient: what it contains, and how it is encoded."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from slowmatch.mail.errors import Refused
from slowmatch.settings import Settings

# What RFC 5321 allows without quoting, in ASCII: quoted and international local parts are refused.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*\Z")
_MESSAGE_ID = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*>\Z")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A mail with a plain text and an HTML part. Raises Refused, which names the setting, if it cannot be sent.

    Make `message_id` with `make_message_id`, so that a mail that is sent again can be recognised.
    """

    sender: str
    sender_name: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    reply_to: str | None = None

    def __post_init__(self) -> None:
        check_address("MAIL_SENDER", self.sender)
        check_address("MAIL_RECIPIENTS", self.recipient)
        if self.reply_to is not None:
            check_address("MAIL_CONTACT", self.reply_to)
        for name, line in (("MAIL_SENDER_NAME", self.sender_name), ("the subject", self.subject)):
            if _CONTROL_CHARACTER.search(line):
                raise Refused(f"{name} is {line!r}: line breaks and control characters are not allowed")
        if not self.subject.strip():
            raise Refused("the subject is empty")
        if not _MESSAGE_ID.match(self.message_id):
            raise Refused(f"the message id is {self.message_id!r}: it must be <unique@domain>")

    def as_email(self) -> EmailMessage:
        email = EmailMessage(policy=SMTP)
        email["From"] = Address(self.sender_name, addr_spec=self.sender)
        email["To"] = Address(addr_spec=self.recipient)
        if self.reply_to is not None:
            email["Reply-To"] = Address(addr_spec=self.reply_to)
        email["Subject"] = self.subject
        email["Date"] = datetime.now(UTC)
        email["Message-ID"] = self.message_id
        email["X-Slowmatch-Id"] = self.message_id  # SES replaces the Message-ID
        email["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        email["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
        # Every server on the way can handle quoted-printable, which has neither 8-bit characters nor long lines.
        email.set_content(self.text, cte="quoted-printable")
        email.add_alternative(self.html, subtype="html", cte="quoted-printable")
        return email

    def as_bytes(self) -> bytes:
        try:
            return self.as_email().as_bytes()
        except UnicodeEncodeError as error:
            raise Refused(f"the mail contains a character that is not valid Unicode: {error}") from error


def sender_of(settings: Settings) -> str:
    """The address in MAIL_SENDER. Raises Refused if it is missing or invalid."""
    if settings.mail_sender is None:
        raise Refused("MAIL_SENDER is not set: set it to an address that the provider lets you send from")
    check_address("MAIL_SENDER", settings.mail_sender)
    return settings.mail_sender


def make_message_id(sender: str, *parts: str) -> str:
    """The same Message-ID for the same parts (a job, a day, a recipient), in the sender's domain."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"<{digest[:40]}@{sender.rpartition('@')[2]}>"


def check_address(setting: str, address: str) -> None:
    """Raise Refused, naming the setting, unless this is one plain address such as name@example.org."""
    if not _ADDRESS.match(address):
        raise Refused(
            f"{setting} contains {address!r}: it must be an ASCII address such as name@example.org"
            " (write a domain in another script as xn--...)"
        )
