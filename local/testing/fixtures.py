"""Fixtures for pytest: a PostgreSQL for the session, and for each test a migrated database and a JobTester."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from local.testing.job_tester import STACK, JobTester
from local.testing.listening import listening
from local.testing.postgres import Postgres, running
from slowmatch.aws import secrets, sqs
from slowmatch.db import Connection, connection, migrate
from slowmatch.settings import Settings, settings

ENVIRONMENT = {
    "DB_HOST": "127.0.0.1",
    "DB_SECRET_ARN": "database",
    "DB_TLS": "disable",
    "STACK_NAME": STACK,
    "QUEUE_URL_PREFIX": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{STACK}-",
    "MAIL_TRANSPORT": "smtp",
    "MAIL_SENDER": "slowmatch@example.com",
    "MAIL_RECIPIENTS": "one@example.com,two@example.com",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_SECURITY": "none",
    "AUTH": "local",
    "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch",
    # AWS refuses whatever a handler asks of it.
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_DATABASE_SECRET = json.dumps({"username": "postgres", "password": "not-checked"})


@pytest.fixture(scope="session")
def slowmatch_postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def slowmatch_template(slowmatch_postgres: Postgres) -> str:
    """The name of a migrated database, from which others are created."""
    return migrated(slowmatch_postgres)


def migrated(server: Postgres) -> str:
    """Create a database, apply all migrations, and return its name."""
    name = server.create()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "text", lambda _: _DATABASE_SECRET)
        config = Settings.from_env(ENVIRONMENT | {"DB_PORT": str(server.port), "DB_NAME": name})
        with closing(Connection(config)) as con:
            migrate.apply(con)
    return name


@pytest.fixture
def slowmatch_database(slowmatch_postgres: Postgres, slowmatch_template: str) -> Iterator[str]:
    """The name of a migrated database without rows."""
    name = slowmatch_postgres.create(slowmatch_template)
    yield name
    slowmatch_postgres.drop(name)


@pytest.fixture
def job_tester(
    slowmatch_postgres: Postgres, slowmatch_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JobTester]:
    """A JobTester with a database of its own. No message reaches SQS, and no mail leaves the test."""
    mailbox = _Mailbox()
    known_secrets = {"database": _DATABASE_SECRET}
    for field in fields(Settings):  # those of the shell in which the tests run
        monkeypatch.delenv(field.name.upper(), raising=False)
    database = {"DB_PORT": str(slowmatch_postgres.port), "DB_NAME": slowmatch_database}
    for name, value in (ENVIRONMENT | database).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "text", lambda name: _known_secret(known_secrets, name))
    monkeypatch.setattr(sqs, "client", AcceptingSqs)
    with listening(lambda: SMTP(mailbox, loop=asyncio.get_running_loop(), hostname="localhost")) as port:
        monkeypatch.setenv("SMTP_PORT", str(port))
        settings.cache_clear()
        connection.cache_clear()
        con = connection()
        try:
            yield JobTester(con, monkeypatch, known_secrets, mailbox.mails)
        finally:
            con.close()
            settings.cache_clear()
            connection.cache_clear()


def _known_secret(known: dict[str, str], name: str) -> str:
    if name not in known:
        raise secrets.SecretError(f"secret {name} cannot be read: pass its value to perform(secrets=...)")
    return known[name]


class _Mailbox:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self.mails.append(message_from_bytes(envelope.original_content or b"", policy=policy.default))
        return "250 OK"


class AcceptingSqs:
    """Accepts every message and keeps none: tests find enqueued runs in the database."""

    def send_message_batch(self, **_: Any) -> dict[str, Any]:
        return {}
