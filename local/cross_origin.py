"""Decides which requests an HTTP port of the stack answers: those of programs and of the port's own pages.

Anybody who can use such a port can do everything with it, and any web page can make its visitor's browser send
requests to this machine. The browser says where they come from in Origin and Sec-Fetch-Site. A site whose name
was pointed at this machine (DNS rebinding) shows in Host. Programs send neither Origin nor Sec-Fetch-Site.
"""

import re
from typing import Protocol

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LOOPBACK_HOST = re.compile(rf"({'|'.join(map(re.escape, LOOPBACK_NAMES))})(:[0-9]+)?", re.IGNORECASE)


class Headers(Protocol):
    """A request's headers, found by name in upper or lower case."""

    def get(self, name: str, /) -> str | None: ...


def refusal(method: str, headers: Headers, *, links: bool) -> str | None:
    """Why a request is refused; None if it may come in.

    `links`: the port has pages that a link on another site may lead to.
    """
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
    """Whether the answer fills a tab of the browser, where the page that led here cannot read it."""
    navigates = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return method == "GET" and navigates
