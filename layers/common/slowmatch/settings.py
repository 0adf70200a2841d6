"""The settings of a function, read once from its environment. docs/configuration.md explains them."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any
from urllib.parse import urlsplit

SMTP_PRESETS = {"gmail": "smtp.gmail.com", "outlook": "smtp.office365.com", "zoho": "smtp.zoho.com"}
"""Each accepts STARTTLS on port 587. Zoho has a host for every region: SMTP_HOST overrides the preset's."""

Parse = Callable[[str, str], Any]
"""Makes a value of a variable's name and text. Raises SettingsError."""


class SettingsError(Exception):
    """A setting is missing or malformed; the message names it, its value and what is allowed."""


def _text(_name: str, value: str) -> str:
    return value


def _number(low: int, high: int) -> Parse:
    def parse(name: str, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise SettingsError(f"{name} is {value!r}: must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _choice(*allowed: str) -> Parse:
    def parse(name: str, value: str) -> str:
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}: must be one of {', '.join(allowed)}")
        return value

    return parse


def _https_url(owner: str, *, strip: str = "") -> Parse:
    """An address without query; `strip` is removed from its end."""

    def parse(name: str, value: str) -> str:
        if not is_trustworthy(value) or set("?# ") & set(value):
            raise SettingsError(
                f"{name} is {value!r}: must be the https address of {owner} (http on loopback only)"
            )
        return value.rstrip(strip)

    return parse


def _addresses(name: str, value: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in value.split(",") if part.strip())
    for address in addresses:
        if not re.fullmatch(r"[^@\s,]+@[^@\s,]+", address):
            raise SettingsError(f"{name} contains {address!r}: must be email addresses separated by commas")
    return addresses


def _required(parse: Parse) -> Any:
    return field(metadata={"parse": parse})


def _optional(parse: Parse, default: str | None = None) -> Any:
    """A field of Settings whose variable may be missing; without a default it is then None."""
    return field(metadata={"parse": parse, "default": default})


@dataclass(frozen=True, slots=True)
class Settings:
    """One field per environment variable, named as the variable in lower case."""

    db_host: str = _required(_text)
    db_port: int = _optional(_number(1, 65535), "5432")
    db_name: str = _optional(_text, "slowmatch")
    db_secret_arn: str = _required(_text)
    db_tls: str = _optional(_choice("verify-full", "require", "disable"), "verify-full")
    db_ca_file: str | None = _optional(_text)
    db_statement_timeout_seconds: int = _optional(_number(1, 900), "60")

    stack_name: str = _required(_text)
    job_settings: str = _optional(_text, "{}")
    queue_url_prefix: str = _required(_text)
    schedule_group: str | None = _optional(_text)
    scheduler_role_arn: str | None = _optional(_text)
    dispatcher_function: str | None = _optional(_text)

    mail_transport: str = _optional(_choice("ses", "smtp"), "ses")
    mail_sender: str | None = _optional(_text)
    mail_sender_name: str = _optional(_text, "Slowmatch")
    mail_recipients: tuple[str, ...] = _optional(_addresses, "")
    mail_contact: str | None = _optional(_text)
    mail_templates_dir: str | None = _optional(_text)
    smtp_preset: str | None = _optional(_choice(*SMTP_PRESETS))
    smtp_host: str | None = _optional(_text)
    smtp_port: int | None = _optional(_number(1, 65535))
    smtp_security: str | None = _optional(_choice("starttls", "tls", "none"))
    smtp_secret_arn: str | None = _optional(_text)

    record_retention_days: int = _optional(_number(1, 3650), "30")
    run_retention_days: int = _optional(_number(1, 3650), "30")
    failed_run_retention_days: int = _optional(_number(1, 3650), "90")
    batch_size: int = _optional(_number(1, 100_000), "10000")

    auth: str = _optional(_choice("oidc", "local"), "oidc")
    oidc_issuer: str | None = _optional(
        _https_url("an OpenID provider, exactly as given under 'issuer' in its discovery document")
    )
    oidc_secret_arn: str | None = _optional(_text)
    oidc_audience: str | None = _optional(_text)
    oidc_groups_claim: str = _optional(_text, "cognito:groups")
    oidc_scopes: str = _optional(_text, "openid email profile")
    viewer_group: str = _optional(_text, "viewer")
    operator_group: str = _optional(_text, "operator")
    admin_group: str = _optional(_text, "admin")
    session_secret_arn: str | None = _optional(_text)
    session_hours: int = _optional(_number(1, 720), "8")

    notify_topic_arn: str | None = _optional(_text)
    notify_secret_arn: str | None = _optional(_text)
    notify_after_failures: int = _optional(_number(1, 100), "3")
    notify_digest_after: int = _optional(_number(1, 1000), "3")
    console_url: str | None = _optional(_https_url("the console", strip="/"))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Raise SettingsError for the first variable that is missing or malformed."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            name, rule = each.name.upper(), each.metadata
            text = env.get(name, "").strip() or rule.get("default")
            if text is None and "default" not in rule:
                raise SettingsError(f"{name} is not set but is required; see docs/configuration.md")
            values[each.name] = None if text is None else rule["parse"](name, text)
        settings = cls(**values)
        settings._check_local_only()
        return settings

    def _check_local_only(self) -> None:
        """Refuse what is safe only on one machine."""
        if is_loopback(self.db_host):
            return
        if self.db_tls == "disable":
            raise SettingsError(
                f"DB_TLS: 'disable' is allowed only for a database on this machine, but DB_HOST is"
                f" {self.db_host!r}; use 'verify-full' or 'require'"
            )
        if self.auth == "local":
            raise SettingsError(
                f"AUTH: 'local' lets in everybody on this machine, so it is allowed only with a database on this"
                f" machine, but DB_HOST is {self.db_host!r}; use 'oidc'"
            )


@cache
def settings() -> Settings:
    """The settings of this process. Tests that change the environment call `settings.cache_clear()`."""
    return Settings.from_env(os.environ)


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_trustworthy(url: str) -> bool:
    """Whether nobody can read on the way what is sent to `url`: https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
