"""Opens the transport that the settings ask for: `with open_transport(transport) as send: receipt = send(message)`."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

from slowmatch.aws import secrets
from slowmatch.mail import ses, smtp
from slowmatch.mail.errors import Refused
from slowmatch.mail.message import Message, Receipt, sender_of
from slowmatch.mail.ses import Ses
from slowmatch.mail.smtp import Security, Smtp
from slowmatch.settings import Settings, is_loopback
from slowmatch.telemetry import logger

Transport = Ses | Smtp
Send = Callable[[Message], Receipt]
"""Returns once the provider has accepted the message. Raises Refused or Undelivered."""

IMPLICIT_TLS_PORT = 465
DEFAULT_PORTS: dict[Security, int] = {"starttls": 587, "tls": IMPLICIT_TLS_PORT, "none": 25}
PRESETS = {"gmail": "smtp.gmail.com", "outlook": "smtp.office365.com", "zoho": "smtp.zoho.com"}
"""Each accepts STARTTLS on port 587. Zoho has a host for every region: SMTP_HOST overrides the preset's."""


def open_transport(
    transport: Transport, seconds_left: Callable[[], float] = lambda: math.inf
) -> AbstractContextManager[Send]:
    """One connection for several messages; after one that failed it can send the next.

    A message that the provider has not accepted within `seconds_left()` is Undelivered.
    """
    if isinstance(transport, Ses):
        return ses.open_session(transport, seconds_left)
    return smtp.open_session(transport, seconds_left)


def transport_from(settings: Settings) -> Transport:
    """The transport of the settings, where SMTP_HOST, SMTP_PORT and SMTP_SECURITY override the preset.

    Raises Refused, which names the setting, if no mail can be sent with them, and SecretError.
    """
    sender = sender_of(settings)
    if settings.mail_transport == "ses":
        return Ses()
    host = settings.smtp_host or PRESETS.get(settings.smtp_preset or "")
    if host is None:
        raise Refused(f"SMTP_HOST is not set: set it, or set SMTP_PRESET to {', '.join(PRESETS)}")
    default_security = "tls" if settings.smtp_port == IMPLICIT_TLS_PORT else "starttls"
    security = cast(Security, settings.smtp_security or default_security)
    port = settings.smtp_port or DEFAULT_PORTS[security]
    if port == 25 and not is_loopback(host):
        logger.warning("SMTP_PORT is 25, which AWS and many networks block: use 587 or 465")
    if settings.smtp_secret_arn is None and settings.smtp_preset is not None:
        raise Refused(
            f"SMTP_SECRET_ARN is not set: {settings.smtp_preset} requires a username and a password"
        )
    secret: dict[str, str] = {}
    if settings.smtp_secret_arn is not None:
        secret = secrets.read(settings.smtp_secret_arn, "username", "password")
    return Smtp(
        host=host,
        port=port,
        security=security,
        username=secret.get("username"),
        password=secret.get("password"),
        ehlo_name=sender.rpartition("@")[2],
    )
