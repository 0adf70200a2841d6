"""Tells a server that waits for TLS from one that is slow: both say nothing after the connection is made."""

import select
import smtplib
import socket
import ssl
from contextlib import suppress
from typing import Any

QUIET_SECONDS = 2.0
"""A server that has not greeted by then is asked whether it expects TLS."""
_HANDSHAKE_OR_ALERT = (b"\x16", b"\x15")


class TlsExpected(smtplib.SMTPException):
    """The server does not greet before a TLS handshake."""


class ImpatientSmtp(smtplib.SMTP):
    """Raises TlsExpected instead of waiting for a greeting that never comes."""

    _address: tuple[str, int] | None = None

    def connect(
        self, host: str = "localhost", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        self._address = (host, port)
        return super().connect(host, port, source_address)

    def getreply(self) -> tuple[int, bytes]:
        address, self._address = self._address, None
        if address is not None and self.sock is not None:  # this is the greeting
            seconds = min(QUIET_SECONDS, self.timeout / 4)
            is_silent = not select.select([self.sock], [], [], seconds)[0]
            if is_silent and expects_tls(address, seconds):
                self.close()
                raise TlsExpected("the server expects TLS from the first byte")
            self.sock.settimeout(self.timeout - (3 * seconds if is_silent else 0))
        return super().getreply()


def expects_tls(address: tuple[str, int], timeout_seconds: float) -> bool:
    """Whether a server answers the beginning of a TLS handshake, over a connection of its own."""
    outgoing = ssl.MemoryBIO()
    handshake = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=address[0])
    with suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    try:
        with socket.create_connection(address, timeout_seconds) as connection:
            connection.sendall(outgoing.read())
            return connection.recv(1) in _HANDSHAKE_OR_ALERT
    except OSError:
        return False
