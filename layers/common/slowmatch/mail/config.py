"""From what the environment says to a transport and a message, with a clear word for what is missing."""

from datetime import datetime
from typing import Protocol, cast

from slowmatch.mail.errors import Refused
from slowmatch.mail.message import Message, check_address
from slowmatch.mail.ses import Ses
from slowmatch.mail.smtp import Security, Smtp
from slowmatch.settings import Settings, is_loopback
from slowmatch.telemetry import logger

Transport = Ses | Smtp

IMPLICIT_TLS_PORT = 465
DEFAULT_PORTS: dict[Security, int] = {"starttls": 587, "tls": IMPLICIT_TLS_PORT, "none": 25}


class ReadSecret(Protocol):
    def __call__(self, arn: str, *keys: str) -> dict[str, str]: ...


# Each of them takes STARTTLS on 587. Zoho has a host for every region: SMTP_HOST wins over the preset's.
PRESETS = {"gmail": "smtp.gmail.com", "outlook": "smtp.office365.com", "zoho": "smtp.zoho.com"}


def transport_from(settings: Settings, read_secret: ReadSecret) -> Transport:
    """What the settings ask for; raise Refused, naming the setting, when mail cannot go out with them.

    SMTP_HOST, SMTP_PORT and SMTP_SECURITY win over the preset. `read_secret` is `slowmatch.aws.secrets.read`.
    """
    sender = _sender(settings)
    if settings.mail_transport == "ses":
        return Ses()
    host = settings.smtp_host or PRESETS.get(settings.smtp_preset or "")
    if host is None:
        raise Refused(f"SMTP_HOST is not set: name the server, or set SMTP_PRESET to {', '.join(PRESETS)}")
    security = _security(settings)
    port = settings.smtp_port or DEFAULT_PORTS[security]
    _warn_of_port_25(host, port)
    username, password = _credentials(settings, read_secret)
    return Smtp(host, port, security, username, password, ehlo_name=sender.rpartition("@")[2])


def message_from(
    settings: Settings,
    *,
    recipient: str,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    date: datetime | None = None,
) -> Message:
    """A message from MAIL_SENDER; raise Refused, naming the setting, for what cannot be sent."""
    return Message(
        sender=_sender(settings),
        sender_name=settings.mail_sender_name,
        recipient=recipient,
        subject=subject,
        text=text,
        html=html,
        message_id=message_id,
        date=date,
    )


def _sender(settings: Settings) -> str:
    if settings.mail_sender is None:
        raise Refused("MAIL_SENDER is not set: mail needs an address that the provider lets you send from")
    check_address("MAIL_SENDER", settings.mail_sender)
    return settings.mail_sender


def _security(settings: Settings) -> Security:
    if settings.smtp_security is not None:
        return cast(Security, settings.smtp_security)
    return "tls" if settings.smtp_port == IMPLICIT_TLS_PORT else "starttls"


def _credentials(settings: Settings, read_secret: ReadSecret) -> tuple[str, str] | tuple[None, None]:
    if settings.smtp_secret_arn is not None:
        secret = read_secret(settings.smtp_secret_arn, "username", "password")
        return secret["username"], secret["password"]
    if settings.smtp_preset is not None:
        raise Refused(f"SMTP_SECRET_ARN is not set: {settings.smtp_preset} wants a username and password")
    return None, None


def _warn_of_port_25(host: str, port: int) -> None:
    if port == 25 and not is_loopback(host):
        logger.warning(
            "SMTP_PORT is 25, which AWS restricts from Lambda and many networks block: use 587 or 465"
        )
