"""What the functions may reach by HTTPS: the sign-in provider's keys, and a receiver of webhooks.

Both are one server on loopback. Its certificate is checked as any other: the functions trust the rehearsal's
authority by SSL_CERT_FILE, and confined/sitecustomize.py leads the names here.
"""

import hashlib
import hmac
import http.client
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.tls_certificates import Certificates

REGION = "us-east-1"
PROVIDER = f"cognito-idp.{REGION}.amazonaws.com"
WEBHOOK = "hooks.slowmatch.test"
HOSTS = (PROVIDER, WEBHOOK)


@dataclass
class Internet:
    """Keeps the webhooks that were signed with `key`, in the order in which they came."""

    port: int
    key: str = field(default_factory=secrets.token_urlsafe)
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def names(self) -> dict[str, int]:
        """For REHEARSAL_NAMES."""
        return {f"{host}:443": self.port for host in HOSTS}

    def webhooks(self, event: str) -> list[dict[str, Any]]:
        return [body for body in self.received if body["event"] == event]


@contextmanager
def serve(certificates: Certificates, aws_port: int) -> Iterator[Internet]:
    """Answer until the block ends. The provider's answers come from ministack at `aws_port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", aws_port, timeout=10)
            try:
                headers = {"Host": self.headers["Host"], "X-Forwarded-Proto": "https"}
                connection.request("GET", self.path, headers=headers)
                answer = connection.getresponse()
                self._answer(answer.status, answer.read())
            finally:
                connection.close()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = self.headers["Slowmatch-Timestamp"].encode() + b"." + body
            signature = hmac.new(internet.key.encode(), signed, hashlib.sha256).hexdigest()
            genuine = self.headers["Slowmatch-Signature"] == f"sha256={signature}"
            if genuine:
                internet.received.append(json.loads(body))
            self._answer(200 if genuine else 401, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silence."""

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.chain)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    internet = Internet(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield internet
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
