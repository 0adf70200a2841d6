"""What an error of a mail server says about the setting to correct, and that it is said at once."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from local.services.smtp import DROP
from local.testing.listening import listening
from slowmatch.mail import smtp_greeting
from slowmatch.mail.errors import Refused, Undelivered
from tests.unit.mail.conftest import a_message, send
from tests.unit.mail.server import serving
from tests.unit.mail.test_smtp import ACCOUNT, ENOUGH, LOGIN, plain
from tools import tls_certificates


@pytest.mark.parametrize(
    ("stage", "reply", "look_at"),
    [
        ("RCPT", "550 5.1.1 No such user", "MAIL_RECIPIENTS: there is no such mailbox"),
        (
            "RCPT",
            "550 5.4.1 Recipient address rejected: Access denied",
            "MAIL_RECIPIENTS: there is no such mailbox",
        ),
        ("RCPT", "552 5.2.2 Over quota", "with the recipient: the mailbox is full"),
        ("RCPT", "550 5.7.1 Not allowed", "the provider's policy"),
        (
            "END",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "MAIL_SENDER: the account",
        ),
        ("END", "554 5.2.252 SendAsDenied", "MAIL_SENDER: the account"),
        (
            "END",
            "550-5.7.26 Your email has been blocked\r\n550 5.7.26 because",
            "the DNS of MAIL_SENDER's domain",
        ),
        ("END", "552 5.3.4 Message too big", "the template: the mail is too large"),
        (
            "MAIL",
            "530 5.7.57 Client was not authenticated",
            "SMTP_SECRET_ARN: the server requires a username",
        ),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", "SMTP_SECURITY: the server requires TLS"),
        ("MAIL", "553 Sender is not allowed to relay", "MAIL_SENDER$"),
        ("RCPT", "550 5.7.999 Who knows", "MAIL_RECIPIENTS$"),
    ],
)
def test_an_enhanced_code_names_what_to_look_at(stage: str, reply: str, look_at: str) -> None:
    with serving({stage: reply}) as server, pytest.raises(Refused, match=rf"\. Check {look_at}"):
        send(a_message(), plain(server.port))


@pytest.mark.parametrize(
    "code", ["535 5.7.8 Bad", "534-5.7.9 App password\r\n534 5.7.9 required", "535 5.7.139 Off"]
)
def test_a_refused_sign_in_is_about_the_password(code: str) -> None:
    with (
        serving({"AUTH": code}, login=LOGIN) as server,
        pytest.raises(Refused, match=r"\. Check the username and password in SMTP_SECRET_ARN"),
    ):
        send(a_message(), plain(server.port, **ACCOUNT))


@pytest.mark.parametrize(
    ("reply", "error"),
    [("535 5.7.8 The password was changed", Refused), ("454 4.7.0 Too many login attempts", Undelivered)],
)
def test_a_sign_in_that_fails_is_tried_once_even_for_many_mails(reply: str, error: type[Exception]) -> None:
    with serving(login=LOGIN) as server, plain(server.port, **ACCOUNT).open() as post:
        server.faults |= {"MAIL": DROP, "AUTH": reply}
        with pytest.raises(Undelivered):
            post(a_message())
        for recipient in ("two@example.com", "three@example.com"):
            with pytest.raises(error, match=reply):
                post(a_message(recipient=recipient))
    assert server.connections == 2


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "END"])
def test_after_421_the_session_is_over_and_the_rest_waits(stage: str) -> None:
    with serving() as server, plain(server.port).open() as post:
        post(a_message())
        server.faults[stage] = "421 4.7.0 Too many messages in this session"
        with pytest.raises(Undelivered, match=r"replied: 421 4\.7\.0"):
            post(a_message(recipient="two@example.com"))
        server.faults.clear()
        with pytest.raises(Undelivered, match=r"^not tried: .*421 4\.7\.0"):
            post(a_message(recipient="three@example.com"))
    assert (server.connections, len(server.envelopes)) == (1, 1)


def test_an_expired_certificate_is_not_a_wrong_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tls_certificates.make(tmp_path, valid_for=timedelta(minutes=-1))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.chain)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with serving(tls=context) as server, pytest.raises(Refused) as refused:
        send(a_message(), plain(server.port, security="tls"))
    assert str(refused.value) == (
        f"the TLS certificate of SMTP server 127.0.0.1:{server.port} has expired;"
        " whoever runs the server has to renew it"
    )


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_a_server_that_waits_for_tls_is_recognised(
    server_tls: ssl.SSLContext, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_greeting, "QUIET_SECONDS", 0.5)
    with (
        serving(tls=server_tls) as server,
        pytest.raises(Refused, match="expects TLS from the first byte: set SMTP_SECURITY to tls"),
    ):
        send(a_message(), plain(server.port, security=security, timeout_seconds=60.0))


def test_a_server_that_greets_late_is_only_slow() -> None:
    """It greets the first connection when the second one asks for TLS."""
    connections: list[asyncio.Transport] = []

    class Late(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            connections.append(transport)
            if len(connections) == 2:
                connections[0].write(b"554 5.3.2 Late but here\r\n")
                transport.abort()

    with listening(Late) as port, pytest.raises(Refused, match=r"554 5\.3\.2 Late but here"):
        send(a_message(), plain(port, timeout_seconds=ENOUGH))


def test_a_server_without_tls_on_the_first_byte_is_recognised_at_once() -> None:
    with (
        serving() as server,
        pytest.raises(Refused, match=r"does not start with TLS .* SMTP_SECURITY to starttls"),
    ):
        send(a_message(), plain(server.port, security="tls", timeout_seconds=60.0))
