"""Sends one POST: TLS is verified, redirects are not followed, and it ends after ten seconds in any case."""

import re
import ssl
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import unquote, urlsplit

from slowmatch.deadline import hanging_up_after
from slowmatch.text import clean_line
from slowmatch.tls import certificate_problem

TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 4.0
"""For each of the host's addresses, and for the TLS handshake."""
MAX_SHOWN_BYTES = 200
"""How much of a rejection's body is logged."""
NO_RESPONSE = 0


@dataclass(frozen=True, slots=True)
class Response:
    """The HTTP status, or NO_RESPONSE, and a `description` that does not reveal the receiver's address."""

    status: int
    description: str
    retry_after: timedelta = timedelta(0)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether there is no receiver any more: a removed app, a deleted flow."""
        return self.status in (404, 410)

    @property
    def is_denied(self) -> bool:
        return self.status in (401, 403)

    @property
    def is_server_error(self) -> bool:
        """Whether the reason may be this message, not the state of the receiver."""
        return self.status >= 500 and self.status not in (503, 504)

    @property
    def rejects_blocks(self) -> bool:
        """Whether Slack does not accept the blocks of the message."""
        return self.status == 400 and "invalid_blocks" in self.description

    @property
    def is_temporary(self) -> bool:
        """Whether another attempt may succeed: no response, too many requests, an error of the server."""
        return self.status in (NO_RESPONSE, 408, 425, 429) or self.status >= 500


def post(
    url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS
) -> Response:
    """Send `body`. Never raises for what the network or the receiver does."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    started = time.monotonic()
    is_https = parts.scheme == "https"
    connect = partial(HTTPSConnection, context=_tls_context()) if is_https else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        with hanging_up_after(timeout_seconds, connection) as hung_up:
            connection.connect()
            if hung_up.is_set():
                raise TimeoutError  # there was no socket yet to shut down
            connection.sock.settimeout(timeout_seconds)
            connection.request("POST", path, body, dict(headers))
            with closing(HTTPResponse(connection.sock, method="POST")) as response:
                return _read(response, url)
    except (OSError, HTTPException) as error:
        if time.monotonic() - started >= timeout_seconds:
            return Response(NO_RESPONSE, f"no response within {timeout_seconds:g} seconds")
        return Response(NO_RESPONSE, _describe(error))
    finally:
        connection.close()


def _read(response: HTTPResponse, url: str) -> Response:
    """Read the response. Its status counts even if the headers or the body never end."""
    try:
        response.begin()
    except (OSError, HTTPException):
        if not isinstance(response.status, int):  # http.client has a text until the status has arrived
            raise
        return Response(response.status, f"HTTP {response.status}, with headers that cannot be read")
    retry_after = parse_retry_after(response.getheader("Retry-After"))
    description = f"HTTP {response.status}"
    if not 200 <= response.status < 300:
        with suppress(OSError, HTTPException):
            description += _redact(response.read(MAX_SHOWN_BYTES + len(url)), url)
    return Response(response.status, description, retry_after)


def parse_retry_after(header: str | None) -> timedelta:
    """RFC 9110, section 10.2.3: seconds or a date; zero for anything else."""
    if not header:
        return timedelta(0)
    if header.strip().isdecimal():
        return timedelta(seconds=int(header.strip()[:9]))
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return timedelta(0)
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC), timedelta(0))


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate {certificate_problem(error)}"
    if isinstance(error, TimeoutError):
        return "the connection timed out"
    if isinstance(error, OSError):
        return f"no connection: {error.strerror or type(error).__name__}"
    return f"the response is not HTTP: {type(error).__name__}"


def _redact(body: bytes, url: str) -> str:
    """The beginning of a rejection on one line, without any part of `url`, in case the receiver repeats it."""
    text = clean_line(body, len(body))
    address = url.partition("://")[2]
    parts = {
        part for form in (address, unquote(address)) for part in re.split("[:/?&=]", form) if len(part) > 3
    }
    for secret in (url, *sorted(parts, key=len, reverse=True)):
        text = text.replace(secret, "...")
    if len(body) == MAX_SHOWN_BYTES + len(url):
        text = text[: -len(url)]  # the body may have been cut within the address
    return f": {text}" if text else ""
