"""The transport that the settings ask for: `with transport.open(seconds_left) as send: answer = send(message)`."""

from collections.abc import Callable
from typing import cast

from slowmatch.aws import secrets
from slowmatch.mail.errors import Refused
from slowmatch.mail.message import Message, sender_of
from slowmatch.mail.ses import Ses
from slowmatch.mail.smtp import Security, Smtp
from slowmatch.settings import SMTP_PRESETS, Settings, is_loopback
from slowmatch.telemetry import logger

Transport = Ses | Smtp
Send = Callable[[Message], str]
"""Returns the provider's answer once it has accepted the message. Raises Refused or Undelivered."""

DEFAULT_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}


def transport_from(settings: Settings) -> Transport:
    """The transport of the settings, where SMTP_HOST, SMTP_PORT and SMTP_SECURITY override the preset.

    Raises Refused, which names the setting, if no mail can be sent with them, and SecretError.
    """
    sender = sender_of(settings)
    if settings.mail_transport == "ses":
        return Ses()
    host = settings.smtp_host or SMTP_PRESETS.get(settings.smtp_preset or "")
    if host is None:
        raise Refused(f"SMTP_HOST is not set: set it, or set SMTP_PRESET to {', '.join(SMTP_PRESETS)}")
    default_security = "tls" if settings.smtp_port == DEFAULT_PORTS["tls"] else "starttls"
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
