"""TLS to the server: a real handshake, by a proxy that speaks PostgreSQL's SSLRequest in front of the server."""

import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from slowmatch.db import Connection, Unavailable
from slowmatch.db.connection import tls_context
from slowmatch.settings import Settings
from tests.unit.test_settings import NEEDED
from tools import tls_certificates
from tools.tls_certificates import Certificates

SSL_REQUEST_BYTES = 8


class TlsProxy(ThreadingTCPServer):
    """Ends TLS in front of a PostgreSQL that has none, as a server with TLS would answer."""

    daemon_threads = True

    def __init__(self, chain: Path, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(chain)
        self.target = target
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Session(BaseRequestHandler):
    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, TlsProxy)
        self.request.recv(SSL_REQUEST_BYTES)
        self.request.sendall(b"S")
        with (
            contextlib.suppress(OSError),  # a client that does not trust us hangs up
            proxy.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", proxy.target)) as server,
        ):
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return tls_certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def config(environment: Settings, made: Certificates, postgres: Any) -> Iterator[Settings]:
    with closing(TlsProxy(made.chain, postgres.port)) as proxy:
        yield dataclasses.replace(
            environment, db_port=proxy.port, db_tls="verify-full", db_ca_file=str(made.authority)
        )


def answer(config: Settings) -> int:
    with closing(Connection(config)) as con:
        ((one,),) = con.query("SELECT 1")
    return int(one)


def test_a_trusted_certificate_for_this_host_is_accepted(config: Settings) -> None:
    assert answer(config) == 1


def test_require_encrypts_without_asking_who_it_is(config: Settings) -> None:
    assert answer(dataclasses.replace(config, db_tls="require", db_ca_file=None)) == 1


def test_an_untrusted_certificate_is_refused_and_names_the_settings(config: Settings) -> None:
    with pytest.raises(Unavailable, match="DB_TLS and DB_CA_FILE"):
        answer(dataclasses.replace(config, db_ca_file=None))


def test_another_host_s_certificate_is_refused(environment: Settings, postgres: Any, tmp_path: Path) -> None:
    other = tls_certificates.make(tmp_path, address="192.0.2.1")
    with closing(TlsProxy(other.chain, postgres.port)) as proxy:
        there = dataclasses.replace(
            environment, db_port=proxy.port, db_tls="verify-full", db_ca_file=str(other.authority)
        )
        with pytest.raises(Unavailable, match="DB_TLS and DB_CA_FILE"):
            answer(there)


def test_certificates_that_were_not_deployed_are_named(config: Settings) -> None:
    with pytest.raises(Unavailable, match=r"DB_CA_FILE is '/opt/python/rds-ca\.pem', .*make deploy puts"):
        answer(dataclasses.replace(config, db_ca_file="/opt/python/rds-ca.pem"))


def test_nothing_said_checks_certificate_and_name() -> None:
    context = tls_context(Settings.from_env(NEEDED))
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
