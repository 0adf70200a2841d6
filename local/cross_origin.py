"""Refuses requests that pages of other sites send to the stack's HTTP ports.

These ports need no password, and any web page can make its visitor's browser send requests to this machine. Browsers
name the source in Origin and Sec-Fetch-Site, programs send neither. A site whose name was pointed at this machine
(DNS rebinding) shows in Host.
"""

import re
from typing import Protocol

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LOOPBACK_HOST = re.compile(rf"({'|'.join(map(re.escape, LOOPBACK_NAMES))})(:[0-9]+)?", re.IGNORECASE)


class Headers(Protocol):
    """A request's headers, found by name in upper or lower case."""

    def get(self, name: str, /) -> str | None: ...


def refusal(method: str, headers: Headers, *, links: bool) -> str | None:
    """Why a request is refused; None if it is allowed. With `links`, links on other sites may lead to this port."""
    host, origin, site = headers.get("Host"), headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if host is None or not _LOOPBACK_HOST.fullmatch(host):
        return f"Host is {host!r}: use one of {', '.join(LOOPBACK_NAMES)}"
    own_origin = f"http://{host}"
    if origin is not None and origin.lower() != own_origin.lower():
        return f"Origin is {origin!r}: only programs and pages of {own_origin} may use this port"
    if site in (None, "same-origin", "none") or (links and _follows_link(method, headers)):
        return None
    return f"Sec-Fetch-Site is {site!r}: only programs and pages of {own_origin} may use this port"


def _follows_link(method: str, headers: Headers) -> bool:
    """Whether the browser shows the answer as a page, which the other site cannot read."""
    navigates = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return method == "GET" and navigates
