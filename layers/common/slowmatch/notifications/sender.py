"""One POST: TLS verified, no redirect followed, over after ten seconds whatever the receiver does."""

import http.client
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import unquote, urlsplit

from slowmatch.deadline import hanging_up_after
from slowmatch.text import clean_line

LIMIT_SECONDS = 10.0
CONNECT_SECONDS = 4.0
"""For each of the host's addresses, and for the TLS handshake."""
SHOWN = 200
"""Of a refusal's body this much is worth a look."""
_PARTS = re.compile(r"[:/?&=]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said, in `words` that give its address away to nobody. `status` 0: nothing."""

    status: int
    words: str
    retry_after: timedelta = timedelta(0)

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410

    @property
    def again(self) -> bool:
        """Whether another try may help: no answer, too many requests, trouble on the other side."""
        return self.status in (0, 408, 425, 429) or self.status >= 500


def post(url: str, body: bytes, headers: Mapping[str, str], limit_seconds: float = LIMIT_SECONDS) -> Answer:
    """Never raises for what the network or the receiver does."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    started = time.monotonic()
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        with hanging_up_after(limit_seconds, connection) as hung_up:
            connection.connect()
            if hung_up.is_set():
                raise TimeoutError  # there was no socket to shut down
            connection.sock.settimeout(limit_seconds)
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            shown = "" if 200 <= response.status < 300 else _shown(response.read(SHOWN + len(url)), url)
        retry = retry_after(response.getheader("Retry-After"))
        return Answer(response.status, f"HTTP {response.status}{shown}", retry)
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() - started >= limit_seconds:
            return Answer(0, f"no answer within {limit_seconds:g} seconds")
        return Answer(0, _trouble(error))
    finally:
        connection.close()


def retry_after(header: str | None) -> timedelta:
    """RFC 9110, section 10.2.3: seconds or a date; nothing when it is neither."""
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
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=_trust())
    return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)


def _trouble(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its TLS certificate is not trusted, or is another host's"
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, OSError):
        return f"no connection: {error.strerror or type(error).__name__}"
    return f"an answer that is not HTTP: {type(error).__name__}"


def _shown(body: bytes, url: str) -> str:
    """The beginning of a refusal, on one line, without any part of the address should it be repeated there."""
    text = clean_line(body, len(body))
    address = url.partition("://")[2]
    parts = {part for said in (address, unquote(address)) for part in _PARTS.split(said) if len(part) > 3}
    for secret in (url, *sorted(parts, key=len, reverse=True)):
        text = text.replace(secret, "...")
    if len(body) == SHOWN + len(url):
        text = text[: -len(url)]  # it may have been cut within the address
    return f": {text}" if text else ""
