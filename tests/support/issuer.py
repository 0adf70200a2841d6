"""An OpenID provider in a thread that can misbehave: wrong tokens, wrong documents, no answer.

The provider of the local stack (local/services/oidc.py) is strict instead, and its flow is not scripted.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "console"
HOUR = 3600


@dataclass
class Issuer:
    """`key` signs, `published` are the keys of /jwks; `asked` are the paths of all requests.

    `answer` is what the token endpoint gives, with its status; `down` answers everything with 503.
    """

    url: str = ""
    key: Any = None
    published: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    answer: tuple[int, dict[str, Any]] = (400, {"error": "invalid_grant"})
    document: dict[str, Any] = field(default_factory=dict)
    authorization: str | None = None
    down: bool = False

    def reset(self) -> None:
        """Return to the state after the start."""
        self.key, self.published = key("first"), {"first": key("first")}
        self.asked, self.forms, self.document = [], [], {}
        self.answer, self.authorization, self.down = (400, {"error": "invalid_grant"}), None, False

    def token(
        self,
        kid: str | None = "first",
        signed_by: Any = None,
        alg: str = "RS256",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """An ID token of ann, an admin, with these changes to its claims; None removes one."""
        now = int(time.time())
        good = {"iss": self.url, "aud": CLIENT_ID, "sub": "1", "email": "ann@example.com", "iat": now}
        wanted = good | {"exp": now + HOUR, "cognito:groups": ["admin"]} | claims
        left = {name: value for name, value in wanted.items() if value is not None}
        headers = ({"kid": kid} if kid else {}) | (header or {})
        return jwt.encode(left, signed_by if signed_by is not None else self.key, alg, headers)

    def access_token(self, **changes: Any) -> str:
        """As `token`, an access token in the form of Cognito's."""
        cognito: dict[str, Any] = {"aud": None, "client_id": CLIENT_ID, "token_use": "access"}
        return self.token(**(cognito | changes))

    def reply(self, path: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.down:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            return 200, self._discovery() | self.document
        if path == "/jwks":
            return 200, {"keys": [public(kid, key) for kid, key in self.published.items()]}
        return self.answer if path == "/token" else (404, {})

    def _discovery(self) -> dict[str, Any]:
        paths = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "end_session_endpoint": "logout",
        }
        return {"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in paths.items()}


@contextmanager
def serving() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*issuer.reply(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            issuer.forms.append({name: values[-1] for name, values in parse_qs(body).items()})
            issuer.authorization = self.headers["authorization"]
            self._send(*issuer.reply(self.path))

        def _send(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", document["location"])
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


@cache
def key(_name: str) -> rsa.RSAPrivateKey:
    """A key by name; generating one takes 0.1 s."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private: rsa.RSAPrivateKey) -> bytes:
    """The public key as text, which a careless verifier uses as a shared secret."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


def unsigned(token: str) -> str:
    """The token with `alg: none` in its header and no signature."""
    head = base64.urlsafe_b64encode(b'{"alg": "none", "typ": "JWT", "kid": "first"}').decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."


def hs256(token: str, secret: bytes) -> str:
    """The token signed by HMAC with `secret`, which PyJWT itself refuses to do with a public key."""
    head = base64.urlsafe_b64encode(b'{"alg": "HS256", "typ": "JWT", "kid": "first"}').decode().rstrip("=")
    signed = f"{head}.{token.split('.')[1]}"
    digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def public(kid: str, private: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}
