"""Who is told what: the destinations in the secret NOTIFY_SECRET_ARN, checked before anything is sent."""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.settings import is_loopback

EVENTS = ("failed", "recovered", "missed", "dead_letters", "alarm")
KINDS = ("slack", "teams", "webhook")
KEYS = {"name", "kind", "url", "key", "events", "jobs"}
SHORTEST_KEY = 16
HTTPS_PORT = 443
"""The only port that the security group in template.yaml opens to receivers: on any other, requests time out."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Empty `events` or `jobs` are all of them. What belongs to no job goes out whatever the jobs are."""

    name: str
    kind: str
    url: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    events: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()

    def wants(self, event: str, job: str | None) -> bool:
        return (not self.events or event in self.events) and (
            not self.jobs or job is None or job in self.jobs
        )

    @property
    def fingerprint(self) -> str:
        """Tells one address from another without giving it away."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]


def read(arn: str | None, jobs: Collection[str], *, local: bool = False) -> tuple[Destination, ...]:
    """The destinations, none without a secret; `local` allows every port, and http on loopback.

    Raise SecretError naming the secret, the destination and the key that is missing or malformed.
    """
    if arn is None:
        return ()
    listed = secrets.document(arn)
    if not isinstance(listed, list):
        raise SecretError(f'secret {arn} is not a JSON list of destinations: [{{"name": ..., ...}}]')
    found: list[Destination] = []
    for number, entry in enumerate(listed, 1):
        destination = _Entry(arn, number, entry).destination(jobs, local)
        if destination.name in {other.name for other in found}:
            raise SecretError(f"secret {arn}: two destinations have the name {destination.name!r}")
        found.append(destination)
    return tuple(found)


class _Entry:
    """One member of the list. No message repeats an address or a key: they are secrets."""

    def __init__(self, arn: str, number: int, entry: Any) -> None:
        self._where = f"secret {arn}, destination {number}"
        if not isinstance(entry, dict):
            raise SecretError(f"{self._where}: it is not a JSON object")
        self._entry = entry

    def destination(self, jobs: Collection[str], local: bool) -> Destination:
        name = self._text(
            "name", lambda text: re.fullmatch(r"[\w. -]{1,64}", text), "1 to 64 letters or digits"
        )
        self._where += f" ({name})"
        unknown = sorted(self._entry.keys() - KEYS)
        if unknown:
            raise SecretError(f"{self._where}: {unknown[0]!r} is no key; there are {', '.join(sorted(KEYS))}")
        kind = self._text("kind", KINDS.__contains__, f"one of {', '.join(KINDS)}")
        return Destination(
            name,
            kind,
            self._text(
                "url",
                lambda url: _is_address(url, local),
                f"an https address on port {HTTPS_PORT}; the functions reach no other port",
            ),
            self._signing_key(kind),
            self._names("events", EVENTS),
            self._names("jobs", jobs),
        )

    def _signing_key(self, kind: str) -> str | None:
        if kind != "webhook":
            if "key" in self._entry:
                raise self._wrong("key", f"nothing: {kind} takes no signature")
            return None
        return self._text(
            "key",
            lambda text: len(text) >= SHORTEST_KEY,
            f"a text of {SHORTEST_KEY} characters or more, which signs what is sent",
        )

    def _text(self, key: str, fits: Callable[[str], Any], needed: str) -> str:
        value = self._entry.get(key)
        if not isinstance(value, str) or not fits(value):
            raise self._wrong(key, needed)
        return value

    def _names(self, key: str, allowed: Collection[str]) -> tuple[str, ...]:
        value = self._entry.get(key, [])
        if not isinstance(value, list) or not all(
            isinstance(name, str) and name in allowed for name in value
        ):
            raise self._wrong(key, f"a list of any of {', '.join(allowed)}")
        return tuple(value)

    def _wrong(self, key: str, needed: str) -> SecretError:
        there = "is missing or malformed" if key in self._entry else "is missing"
        return SecretError(f"{self._where}: the key {key!r} {there}; it needs {needed}")


def _is_address(url: str, local: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    secure = parts.scheme == "https" or (local and parts.scheme == "http" and is_loopback(host))
    reachable = port != 0 if local else port in (None, HTTPS_PORT)
    return plain and bool(host) and secure and reachable and parts.username is None
