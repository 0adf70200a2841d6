import pytest

from slowmatch.aws import secrets
from slowmatch.mail.errors import Refused
from slowmatch.mail.ses import Ses
from slowmatch.mail.smtp import Smtp
from slowmatch.mail.transport import transport_from
from slowmatch.settings import SMTP_PRESETS, Settings
from tests.unit.test_settings import NEEDED

SECRET = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:smtp"


def settings(**changes: str) -> Settings:
    mail = {"MAIL_TRANSPORT": "smtp", "MAIL_SENDER": "slowmatch@example.com"}
    return Settings.from_env(NEEDED | mail | changes)


def read_secret(arn: str, *keys: str) -> dict[str, str]:
    assert (arn, keys) == (SECRET, ("username", "password"))
    return {"username": "me", "password": "secret"}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "read", read_secret)


def smtp(**changes: str) -> Smtp:
    transport = transport_from(settings(**changes))
    assert isinstance(transport, Smtp)
    return transport


def test_ses_needs_a_sender_and_nothing_else() -> None:
    assert transport_from(settings(MAIL_TRANSPORT="ses")) == Ses()


@pytest.mark.parametrize("transport", ["ses", "smtp"])
def test_without_a_sender_no_mail_can_go_out(transport: str) -> None:
    with pytest.raises(Refused, match=r"^MAIL_SENDER is not set"):
        transport_from(settings(MAIL_TRANSPORT=transport, MAIL_SENDER=""))


@pytest.mark.parametrize(
    ("preset", "host"),
    [("gmail", "smtp.gmail.com"), ("outlook", "smtp.office365.com"), ("zoho", "smtp.zoho.com")],
)
def test_a_preset_and_a_secret_are_enough(preset: str, host: str) -> None:
    assert smtp(SMTP_PRESET=preset, SMTP_SECRET_ARN=SECRET) == Smtp(
        host=host, port=587, username="me", password="secret", ehlo_name="example.com"
    )


@pytest.mark.parametrize("preset", SMTP_PRESETS)
def test_a_preset_without_a_secret_is_refused(preset: str) -> None:
    with pytest.raises(Refused, match=rf"^SMTP_SECRET_ARN is not set: {preset}"):
        smtp(SMTP_PRESET=preset)


def test_host_port_and_security_win_over_the_preset() -> None:
    transport = smtp(
        SMTP_PRESET="zoho",
        SMTP_HOST="smtp.zoho.eu",
        SMTP_PORT="2465",
        SMTP_SECURITY="tls",
        SMTP_SECRET_ARN=SECRET,
    )
    assert (transport.host, transport.port, transport.security) == ("smtp.zoho.eu", 2465, "tls")


def test_without_a_preset_a_host_is_needed() -> None:
    with pytest.raises(Refused, match=r"^SMTP_HOST is not set.*gmail, outlook, zoho"):
        smtp()


@pytest.mark.parametrize(
    ("given", "port", "security"),
    [
        ({}, 587, "starttls"),
        ({"SMTP_SECURITY": "tls"}, 465, "tls"),
        ({"SMTP_PORT": "465"}, 465, "tls"),
        ({"SMTP_PORT": "2587"}, 2587, "starttls"),
    ],
)
def test_port_and_security_follow_from_each_other(given: dict[str, str], port: int, security: str) -> None:
    transport = smtp(SMTP_HOST="mail.example.com", **given)
    assert (transport.port, transport.security) == (port, security)
    assert (transport.username, transport.password) == (None, None)


def test_port_25_is_taken_with_a_warning_unless_here(caplog: pytest.LogCaptureFixture) -> None:
    assert smtp(SMTP_HOST="127.0.0.1", SMTP_SECURITY="none").port == 25
    assert "SMTP_PORT" not in caplog.text
    assert smtp(SMTP_HOST="mail.example.com", SMTP_PORT="25").port == 25
    assert "SMTP_PORT is 25" in caplog.text


def test_a_sender_that_the_settings_let_through_is_looked_at_again() -> None:
    with pytest.raises(Refused, match=r"^MAIL_SENDER contains 'nobody'"):
        transport_from(settings(MAIL_SENDER="nobody"))
