"""Destinations: which notifications go where, read from the secret NOTIFY_SECRET_ARN and checked as a whole."""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from slowmatch.aws import secrets
from slowmatch.aws.secrets import SecretError
from slowmatch.db import Connection
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
    """Empty `events` or `jobs` mean all. Without a job, a notification goes out whatever the jobs are."""

    name: str
    kind: str
    url: str = field(repr=False)
    key: str | None = field(default=None, repr=False)
    events: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    old_key: str | None = field(default=None, repr=False)
    format: str = "slowmatch"

    @property
    def keys(self) -> list[str]:
        """With which a webhook is signed: two while the receiver changes from the old key to the new one."""
        return [key for key in (self.key, self.old_key) if key is not None]

    def wants(self, event: str, job: str | None) -> bool:
        wants_job = not self.jobs or job is None or job in self.jobs
        return wants_job and (not self.events or event in self.events)

    @property
    def fingerprint(self) -> str:
        """Tells one address from another without revealing it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]


def read(arn: str | None, jobs: Collection[str], *, local: bool = False) -> dict[str, Destination]:
    """The destinations by name; none without a secret. `local` allows every port, and http on loopback.

    Raises SecretError, which names the secret, the destination and the key that is missing or invalid.
    """
    if arn is None:
        return {}
    entries = secrets.document(arn)
    if not isinstance(entries, list):
        raise SecretError(f'secret {arn} is not a JSON list of destinations: [{{"name": ..., ...}}]')
    destinations: dict[str, Destination] = {}
    for number, entry in enumerate(entries, 1):
        destination = _parse(entry, f"secret {arn}, destination {number}", jobs, local)
        if destination.name in destinations:
            raise SecretError(f"secret {arn}: two destinations have the name {destination.name!r}")
        destinations[destination.name] = destination
    return destinations


def switched_off(con: Connection) -> dict[str, str]:
    """The name and the reason of each destination that is switched off."""
    sql = "SELECT name, reason FROM notification_destination WHERE switched_off_at IS NOT NULL ORDER BY name"
    return dict(con.query(sql))


def _parse(entry: Any, label: str, jobs: Collection[str], local: bool) -> Destination:
    """Check one member of the list. No error repeats an address or a key: they are secrets."""
    if not isinstance(entry, dict):
        raise SecretError(f"{label}: it is not a JSON object")

    def text(key: str, is_valid: Callable[[str], object], expected: str) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not is_valid(value):
            raise _key_error(label, entry, key, expected)
        return value

    def names(key: str, allowed: Collection[str]) -> tuple[str, ...]:
        value = entry.get(key, [])
        if not isinstance(value, list) or not all(
            isinstance(name, str) and name in allowed for name in value
        ):
            raise _key_error(label, entry, key, f"a list of one or more of {', '.join(allowed)}")
        return tuple(value)

    name = text(
        "name",
        lambda value: re.fullmatch(r"[\w. -]{1,64}", value),
        "1 to 64 letters, digits, spaces, or any of the characters _.-",
    )
    label = f"{label} ({name})"
    if unknown := sorted(entry.keys() - set(KEYS)):
        raise SecretError(f"{label}: unknown key {unknown[0]!r}; the keys are {', '.join(KEYS)}")
    kind = text("kind", KINDS.__contains__, f"one of {', '.join(KINDS)}")
    address = f"an https address on port {HTTPS_PORT} (functions cannot reach other ports)"
    return Destination(
        name=name,
        kind=kind,
        url=text("url", lambda value: _is_allowed_address(value, local), address),
        events=names("events", EVENTS),
        jobs=names("jobs", jobs),
        **_webhook_settings(entry, kind, label, text),
    )


def _webhook_settings(
    entry: dict[str, Any], kind: str, label: str, text: Callable[..., str]
) -> dict[str, Any]:
    """How a webhook is signed and formatted; empty for the other kinds, which have none of these keys."""
    given = [key for key in WEBHOOK_KEYS if key in entry]
    if kind != "webhook":
        if given:
            raise SecretError(f"{label}: remove the key {given[0]!r}; it is only for webhooks")
        return {}
    settings = {"key": text("key", is_valid_key, EXPECTED_KEY)}
    if "old_key" in entry:
        settings["old_key"] = text("old_key", is_valid_key, EXPECTED_KEY)
        if not any(map(is_standard, settings.values())):
            raise SecretError(f"{label}: 'key' and 'old_key' together need one that is {EXPECTED_KEY}")
    if "format" in entry:
        settings["format"] = text("format", FORMATS.__contains__, f"one of {', '.join(FORMATS)}")
    return settings


def _key_error(label: str, entry: dict[str, Any], key: str, expected: str) -> SecretError:
    problem = "is invalid" if key in entry else "is missing"
    return SecretError(f"{label}: the key {key!r} {problem}; it must be {expected}")


def _is_allowed_address(url: str, local: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url and parts.username is None
    is_secure = parts.scheme == "https" or (local and parts.scheme == "http" and is_loopback(host))
    is_reachable = port != 0 if local else port in (None, HTTPS_PORT)
    return is_plain and bool(host) and is_secure and is_reachable
