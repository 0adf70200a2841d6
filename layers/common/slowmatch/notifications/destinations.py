"""Destinations: which notifications go where, read from the secret NOTIFY_SECRET_ARN and checked one by one."""

import hashlib
import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.notifications.webhook_signature import EXPECTED_KEY, is_standard, is_valid_key
from slowmatch.settings import is_loopback

EVENTS = ("failed", "recovered", "missed", "dead_letters", "alarm")
KINDS = ("slack", "teams", "webhook")
FORMATS = ("slowmatch", "cloudevents")
KEYS = ("name", "kind", "url", "key", "old_key", "format", "events", "jobs")
WEBHOOK_KEYS = ("key", "old_key", "format")
HTTPS_PORT = 443
"""The only port that the security group in template.yaml opens to receivers: on any other, requests time out."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Empty `events` mean all, and empty `jobs` all but those that are `only_by_name`. A notification without a job
    goes out whatever the jobs are.

    What is for one with a `flaw` waits until its entry is corrected.
    """

    name: str
    kind: str
    url: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    events: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    only_by_name: tuple[str, ...] = ()
    old_key: str | None = field(default=None, repr=False)
    format: str = "slowmatch"
    flaw: str | None = None

    @property
    def keys(self) -> list[str]:
        """With which a webhook is signed: two while the receiver changes from the old key to the new one."""
        return [key for key in (self.key, self.old_key) if key is not None]

    def wants(self, event: str, job: str | None) -> bool:
        wants_job = job in self.jobs if self.jobs else job not in self.only_by_name
        return (job is None or wants_job) and (not self.events or event in self.events)

    @property
    def fingerprint(self) -> str:
        """Tells one address from another without revealing it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class DestinationList:
    """The destinations by name, and what is wrong with entries of the list, by name too.

    An entry without one is "destination #3", which cannot be a name.
    """

    destinations: dict[str, Destination] = field(default_factory=dict)
    flaws: dict[str, str] = field(default_factory=dict)


def read(arn: str | None, jobs: Mapping[str, bool], *, local: bool = False) -> DestinationList:
    """The list in the secret, empty without one. `local` allows every port, and http on loopback.

    `jobs` says of each job whether destinations are notified of it that do not name it.
    One wrong entry does not affect the others. Raises SecretError if the secret cannot be read or is no list.
    """
    found = DestinationList()
    if arn is None:
        return found
    entries = secrets.document(arn)
    if not isinstance(entries, list):
        raise SecretError(f'secret {arn} is not a JSON list of destinations: [{{"name": ..., ...}}]')
    for number, entry in enumerate(entries, 1):
        name, flaws = f"destination #{number}", []
        if not isinstance(entry, dict):
            flaws = ["it is not a JSON object"]
        else:
            destination, flaws = _parse(entry, jobs, local)
            if destination.name in found.destinations:
                flaws = [f"an earlier destination has the name {destination.name!r} too"]
            elif destination.name:
                name = destination.name
                found.destinations[name] = replace(destination, flaw="; ".join(flaws) or None)
        if flaws:
            found.flaws[name] = "; ".join(flaws)
    return found


def _parse(entry: dict[str, Any], jobs: Mapping[str, bool], local: bool) -> tuple[Destination, list[str]]:
    """A member of the list, and what is wrong with it. No flaw repeats an address or a key: they are secrets.

    A value that is wrong counts as missing.
    """
    flaws = []

    def text(key: str, is_valid: Callable[[str], object], expected: str) -> str:
        value = entry.get(key)
        if isinstance(value, str) and is_valid(value):
            return value
        flaws.append(_flaw(entry, key, expected))
        return ""

    def names(key: str, allowed: Collection[str]) -> tuple[str, ...]:
        if key not in entry:
            return ()
        value = entry[key]
        if (
            isinstance(value, list)
            and value
            and all(isinstance(name, str) and name in allowed for name in value)
        ):
            return tuple(value)
        flaws.append(_flaw(entry, key, f"a list of one or more of {', '.join(allowed)}"))
        return ()

    name = text(
        "name",
        lambda value: re.fullmatch(r"[\w. -]{1,64}", value),
        "1 to 64 letters, digits, spaces, or any of the characters _.-",
    )
    flaws += [
        f"unknown key {unknown[:64]!r}; the keys are {', '.join(KEYS)}"
        for unknown in sorted(entry.keys() - set(KEYS))
    ]
    kind = text("kind", KINDS.__contains__, f"one of {', '.join(KINDS)}")
    address = f"an https address on port {HTTPS_PORT} (functions cannot reach other ports) that is not a private one"
    url = text("url", lambda value: _is_allowed_address(value, local), address)
    destination = Destination(
        name=name,
        kind=kind,
        url=url,
        events=names("events", EVENTS),
        jobs=names("jobs", jobs),
        only_by_name=tuple(job for job, by_default in jobs.items() if not by_default),
        **_webhook_settings(entry, kind, text, flaws),
    )
    return destination, flaws


def _webhook_settings(
    entry: dict[str, Any], kind: str, text: Callable[..., str], flaws: list[str]
) -> dict[str, Any]:
    """How a webhook is signed and formatted; empty for the other kinds, which have none of these keys."""
    if kind != "webhook":
        given = [key for key in WEBHOOK_KEYS if kind and key in entry]
        flaws += [f"remove the key {key!r}; it is only for webhooks" for key in given]
        return {}
    settings = {"key": text("key", is_valid_key, EXPECTED_KEY)}
    if "old_key" in entry:
        settings["old_key"] = text("old_key", is_valid_key, EXPECTED_KEY)
        if all(settings.values()) and not any(map(is_standard, settings.values())):
            flaws.append(f"'key' and 'old_key' together need one that is {EXPECTED_KEY}")
    if "format" in entry:
        settings["format"] = text("format", FORMATS.__contains__, f"one of {', '.join(FORMATS)}")
    return settings


def _flaw(entry: dict[str, Any], key: str, expected: str) -> str:
    problem = "is invalid" if key in entry else "is missing"
    return f"the key {key!r} {problem}; it must be {expected}"


def _is_allowed_address(url: str, local: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url and parts.username is None
    is_secure = parts.scheme == "https" or (local and parts.scheme == "http" and is_loopback(host))
    is_reachable = port != 0 if local else port in (None, HTTPS_PORT) and not _is_private(host)
    return is_plain and bool(host) and is_secure and is_reachable


def _is_private(host: str) -> bool:
    """Whether the host is this machine, or an address at which no single machine of the internet can be reached.

    The reserved ones include IPv4 addresses in the form of IPv6, such as 64:ff9b::a00:7.
    """
    host = host.removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
    except (OSError, ValueError):
        return False
    return not address.is_global or address.is_multicast or address.is_reserved
