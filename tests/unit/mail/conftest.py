import ssl
from typing import Any

import pytest

from slowmatch.mail.message import Message, make_message_id
from slowmatch.mail.transport import Transport
from tools import tls_certificates
from tools.tls_certificates import Certificates

SENDER = "slowmatch@example.com"


def send(message: Message, transport: Transport) -> str:
    """Send one message over a connection of its own."""
    with transport.open() as send_one:
        return send_one(message)


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return tls_certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server_tls(made_certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made_certificates.chain)
    return context


@pytest.fixture
def trusted(made_certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's own way to trust another authority, which an operator has too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made_certificates.authority))


def a_message(**changes: Any) -> Message:
    """A valid message, except for these changes."""
    values: dict[str, Any] = {
        "sender": SENDER,
        "sender_name": "Slowmatch",
        "recipient": "one@example.com",
        "subject": "Records on 4 March 2025",
        "text": "Three records.\n",
        "html": "<p>Three records.</p>\n",
        "message_id": make_message_id(SENDER, "daily-summary", "2025-03-04", "one@example.com"),
    }
    return Message(**values | changes)
