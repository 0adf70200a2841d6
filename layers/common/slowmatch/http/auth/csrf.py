"""Where a request comes from: its own address, the page that sent it, the machine it was sent from."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from slowmatch.settings import is_loopback

SAFE_METHODS = ("GET", "HEAD")

Event = Mapping[str, Any]

_is_loopback = lru_cache(maxsize=256)(is_loopback)


class Headers(dict[str, str]):
    """By their names in small letters; several of a name are joined, so that none can hide another."""


def headers(event: Event) -> Headers:
    """Of an event as it came, or as `with_headers` made it."""
    given = event.get("headers") or {}
    if isinstance(given, Headers):
        return given
    found = Headers()
    for key, value in given.items():
        name = key.lower()
        found[name] = f"{found[name]},{value}" if name in found else str(value)
    return found


def with_headers(event: Event) -> dict[str, Any]:
    """The event with its headers read, once for all who ask for one."""
    return {**event, "headers": headers(event)}


def header(event: Event, name: str) -> str:
    """A header's value, empty when it is not there."""
    return headers(event).get(name, "")


def method(event: Event) -> str:
    return str(event["requestContext"]["http"]["method"]).upper()


def origin(event: Event) -> str:
    """Scheme, name and port that the browser knows this site by."""
    domain = str(event["requestContext"].get("domainName") or "")
    if _is_loopback(host_name(domain)):
        return f"http://{header(event, 'host') or domain}"
    return f"https://{domain}"


def is_local(event: Event) -> bool:
    """Whether it was sent on this machine to this machine, past no proxy that says otherwise."""
    context, given = event["requestContext"], headers(event)
    forwarded = given.get("x-forwarded-for")
    addresses = [str(context["http"].get("sourceIp") or "")]
    if forwarded:
        addresses += [part.strip() for part in forwarded.split(",")]
    names = host_name(str(context.get("domainName") or "")), host_name(given.get("host") or "localhost")
    return all(map(_is_loopback, (*names, *addresses))) and not given.get("forwarded")


def foreign(event: Event, must_say: bool) -> str | None:
    """Why a request that changes something seems to come from another site's page; None when it does not.

    `must_say`: one of the two headers has to be there, because the browser signs requests in by itself.
    """
    if method(event) in SAFE_METHODS:
        return None
    given = headers(event)
    sender, relation = given.get("origin"), given.get("sec-fetch-site")
    if sender and sender.lower() != origin(event).lower():
        return "its Origin is another site's"
    if relation and relation not in ("same-origin", "none"):
        return f"its Sec-Fetch-Site is {relation[:20]!r}"
    return "it has neither Origin nor Sec-Fetch-Site" if must_say and not sender and not relation else None


def host_name(host: str) -> str:
    """Without the port; an IPv6 address without its brackets. What is no host stays as it is."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.partition(":")
    return name if not port or port.isdigit() else host
