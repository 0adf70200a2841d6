"""Signs in to an SMTP server: one mechanism, one attempt, in UTF-8.

smtplib's `login` encodes the password as ASCII, quotes the first character that is not, and tries a wrong password
with every mechanism, which can lock the account.
"""

import binascii
import hmac
import smtplib
from base64 import b64decode, b64encode

_NEXT = 334
_ACCEPTED = (235, 503)
"""503: already signed in."""


class NoMechanism(smtplib.SMTPException):
    """The server offers no way to sign in that this module knows."""


def sign_in(connection: smtplib.SMTP, username: str, password: str) -> None:
    """Authenticate with the first mechanism that both sides know. Raises SMTPAuthenticationError and NoMechanism.

    No error contains the password, not even if the server's reply repeats it.
    """
    name, secret = username.encode(errors="replace"), password.encode(errors="replace")
    plain = b"\0" + name + b"\0" + secret
    offered = connection.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:  # RFC 4616
        code, reply = connection.docmd("AUTH", f"PLAIN {_base64(plain)}")
    elif "LOGIN" in offered:  # Microsoft 365 has no other
        code, reply = connection.docmd("AUTH", "LOGIN")
        for answer in (name, secret):
            if code == _NEXT:
                code, reply = connection.docmd(_base64(answer))
    elif "CRAM-MD5" in offered:  # RFC 2195
        code, reply = connection.docmd("AUTH", "CRAM-MD5")
        if code == _NEXT:
            digest = hmac.new(secret, _challenge(reply), "md5").hexdigest()
            code, reply = connection.docmd(_base64(name + b" " + digest.encode()))
    else:
        raise NoMechanism(
            f"the server offers no AUTH that Slowmatch supports (it offers: {' '.join(offered)})"
        )
    if code not in _ACCEPTED:
        forms = (b64encode(plain), b64encode(secret), secret)
        raise smtplib.SMTPAuthenticationError(code, _without(reply, *forms))


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _challenge(reply: bytes) -> bytes:
    try:
        return b64decode(reply)
    except binascii.Error:
        raise smtplib.SMTPException("the server's challenge is not valid") from None


def _without(reply: bytes | str, *secrets: bytes) -> bytes | str:
    """The reply without the secrets. A reply that cannot be read is smtplib's own text."""
    if isinstance(reply, bytes):
        for secret in filter(None, secrets):
            reply = reply.replace(secret, b"...")
    return reply
