"""What the environment says, read once. The README's table explains every variable to operators."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

DB_TLS = ("verify-full", "require", "disable")
MAIL_TRANSPORTS = ("ses", "smtp")
SMTP_SECURITY = ("starttls", "tls", "none")
SMTP_PRESETS = ("gmail", "outlook", "zoho")
AUTH = ("oidc", "local")


class SettingsError(Exception):
    """A setting is missing or malformed; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One field per environment variable, named as the variable in lower case."""

    db_host: str
    db_port: int
    db_name: str
    db_secret_arn: str
    db_tls: str
    db_ca_file: str | None
    db_statement_timeout_seconds: int

    stack_name: str
    job_settings: str
    queue_url_prefix: str

    mail_transport: str
    mail_sender: str | None
    mail_sender_name: str
    mail_recipients: tuple[str, ...]
    mail_templates_dir: str | None
    smtp_preset: str | None
    smtp_host: str | None
    smtp_port: int | None
    smtp_security: str | None
    smtp_secret_arn: str | None

    record_retention_days: int
    run_retention_days: int
    failed_run_retention_days: int
    batch_size: int

    auth: str
    oidc_issuer: str | None
    oidc_secret_arn: str | None
    oidc_audience: str | None
    oidc_groups_claim: str
    oidc_scopes: str
    viewer_group: str
    operator_group: str
    admin_group: str
    session_secret_arn: str | None
    session_hours: int

    notify_topic_arn: str | None
    notify_secret_arn: str | None
    notify_digest_after: int
    console_url: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Raise SettingsError for the first variable that is missing or malformed."""
        read = _Reader(env)
        settings = cls(
            db_host=read.text("DB_HOST"),
            db_port=read.number("DB_PORT", 1, 65535, default=5432),
            db_name=read.text("DB_NAME", default="slowmatch"),
            db_secret_arn=read.text("DB_SECRET_ARN"),
            db_tls=read.choice("DB_TLS", DB_TLS, default="verify-full"),
            db_ca_file=read.optional("DB_CA_FILE"),
            db_statement_timeout_seconds=read.number("DB_STATEMENT_TIMEOUT_SECONDS", 1, 900, default=60),
            stack_name=read.text("STACK_NAME"),
            job_settings=read.text("JOB_SETTINGS", default="{}"),
            queue_url_prefix=read.url("QUEUE_URL_PREFIX"),
            mail_transport=read.choice("MAIL_TRANSPORT", MAIL_TRANSPORTS, default="ses"),
            mail_sender=read.optional("MAIL_SENDER"),
            mail_sender_name=read.text("MAIL_SENDER_NAME", default="Slowmatch"),
            mail_recipients=read.addresses("MAIL_RECIPIENTS"),
            mail_templates_dir=read.optional("MAIL_TEMPLATES_DIR"),
            smtp_preset=read.optional_choice("SMTP_PRESET", SMTP_PRESETS),
            smtp_host=read.optional("SMTP_HOST"),
            smtp_port=read.optional_number("SMTP_PORT", 1, 65535),
            smtp_security=read.optional_choice("SMTP_SECURITY", SMTP_SECURITY),
            smtp_secret_arn=read.optional("SMTP_SECRET_ARN"),
            record_retention_days=read.number("RECORD_RETENTION_DAYS", 1, 3650, default=30),
            run_retention_days=read.number("RUN_RETENTION_DAYS", 1, 3650, default=30),
            failed_run_retention_days=read.number("FAILED_RUN_RETENTION_DAYS", 1, 3650, default=90),
            batch_size=read.number("BATCH_SIZE", 1, 100_000, default=10_000),
            auth=read.choice("AUTH", AUTH, default="oidc"),
            oidc_issuer=read.issuer("OIDC_ISSUER"),
            oidc_secret_arn=read.optional("OIDC_SECRET_ARN"),
            oidc_audience=read.optional("OIDC_AUDIENCE"),
            oidc_groups_claim=read.text("OIDC_GROUPS_CLAIM", default="cognito:groups"),
            oidc_scopes=read.text("OIDC_SCOPES", default="openid email profile"),
            viewer_group=read.text("VIEWER_GROUP", default="viewer"),
            operator_group=read.text("OPERATOR_GROUP", default="operator"),
            admin_group=read.text("ADMIN_GROUP", default="admin"),
            session_secret_arn=read.optional("SESSION_SECRET_ARN"),
            session_hours=read.number("SESSION_HOURS", 1, 720, default=8),
            notify_topic_arn=read.optional("NOTIFY_TOPIC_ARN"),
            notify_secret_arn=read.optional("NOTIFY_SECRET_ARN"),
            notify_digest_after=read.number("NOTIFY_DIGEST_AFTER", 1, 1000, default=3),
            console_url=read.console_url("CONSOLE_URL"),
        )
        if settings.db_tls == "disable" and not is_loopback(settings.db_host):
            raise SettingsError(
                f"DB_TLS: 'disable' is allowed for a database on this machine only, and DB_HOST is"
                f" {settings.db_host!r}; use 'verify-full' or 'require'"
            )
        if settings.auth == "local" and not is_loopback(settings.db_host):
            raise SettingsError(
                f"AUTH: 'local' lets everybody on this machine in, so it is allowed with a database on this"
                f" machine only, and DB_HOST is {settings.db_host!r}; use 'oidc'"
            )
        return settings


@cache
def settings() -> Settings:
    """The settings of this process. Tests that change the environment call `settings.cache_clear()`."""
    return Settings.from_env(os.environ)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_trustworthy(url: str) -> bool:
    """Whether what is sent there stays unread on its way: https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def optional(self, name: str) -> str | None:
        return self._env.get(name, "").strip() or None

    def text(self, name: str, default: str | None = None) -> str:
        value = self.optional(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set: it is needed; see the README's configuration table")
        return value

    def optional_number(self, name: str, low: int, high: int) -> int | None:
        return self._optional(name, lambda value: self._number(name, value, low, high))

    def number(self, name: str, low: int, high: int, default: int) -> int:
        return self._number(name, self.text(name, str(default)), low, high)

    def optional_choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        return self._optional(name, lambda value: self._choice(name, value, allowed))

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        return self._choice(name, self.text(name, default), allowed)

    def url(self, name: str) -> str:
        value = self.text(name)
        if not re.match(r"https?://[^/\s]+/", value):
            raise SettingsError(f"{name} is {value!r}: an address such as https://host/path is needed")
        return value

    def issuer(self, name: str) -> str | None:
        return self._optional(name, lambda value: self._issuer(name, value))

    def console_url(self, name: str) -> str | None:
        return self._optional(name, lambda value: self._console_url(name, value))

    def addresses(self, name: str) -> tuple[str, ...]:
        values = tuple(part.strip() for part in (self.optional(name) or "").split(",") if part.strip())
        for value in values:
            if not re.fullmatch(r"[^@\s,]+@[^@\s,]+", value):
                raise SettingsError(f"{name} has {value!r}: e-mail addresses separated by commas are needed")
        return values

    def _optional(self, name: str, convert: Callable[[str], T]) -> T | None:
        value = self.optional(name)
        return None if value is None else convert(value)

    @staticmethod
    def _number(name: str, value: str, low: int, high: int) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise SettingsError(f"{name} is {value!r}: a whole number from {low} to {high} is needed")
        return int(value)

    @staticmethod
    def _issuer(name: str, value: str) -> str:
        if not is_trustworthy(value) or set("?# ") & set(value):
            raise SettingsError(
                f"{name} is {value!r}: the https address of an OpenID provider is needed, exactly as its"
                f" discovery document has it under 'issuer' (http on loopback only)"
            )
        return value

    @staticmethod
    def _console_url(name: str, value: str) -> str:
        if not is_trustworthy(value) or set("?# ") & set(value):
            raise SettingsError(
                f"{name} is {value!r}: the https address of the console is needed (http on loopback only)"
            )
        return value.rstrip("/")

    @staticmethod
    def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}: one of {', '.join(allowed)} is needed")
        return value
