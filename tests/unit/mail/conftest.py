import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from slowmatch.mail import Message, message_id
from tools import tls_certificates
from tools.tls_certificates import Certificates

SENDER = "slowmatch@example.com"


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


@pytest.fixture
def a_message() -> Callable[..., Message]:
    """A good message, but for what a test changes."""

    def build(**changes: Any) -> Message:
        values: dict[str, Any] = {
            "sender": SENDER,
            "sender_name": "Slowmatch",
            "recipient": "one@example.com",
            "subject": "Records on 4 March 2025",
            "text": "Three records.\n",
            "html": "<p>Three records.</p>\n",
            "message_id": message_id(SENDER, "daily-summary", "2025-03-04", "one@example.com"),
            "date": datetime(2025, 3, 4, 6, 0, tzinfo=UTC),
        }
        return Message(**{**values, **changes})

    return build
