"""A real PostgreSQL for the session, a database of its own for each test, and a pretended AWS around it."""

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

os.environ.update(
    {
        "POWERTOOLS_SERVICE_NAME": "tests",
        "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
)
os.environ.pop("AWS_ENDPOINT_URL", None)
os.environ.pop("AWS_PROFILE", None)

import boto3  # type: ignore[import-untyped, unused-ignore]
import pg8000.native
import pytest
from moto import mock_aws

from local.services import moto_patches
from local.testing.fixtures import migrated
from local.testing.postgres import Postgres, running
from slowmatch.db import Connection, connection
from slowmatch.http.auth import sessions
from slowmatch.http.auth.oidc import provider
from slowmatch.jobs.queries import queue_depths
from slowmatch.settings import Settings, settings
from tests.support import queues
from tests.support.issuer import Issuer, serving
from tests.support.shared_database import SharedDatabase

STACK = "slowmatch-test"
# Each test has a new Connection, which would parse the same statements again: a millisecond for each.
pg8000.native.to_statement = cache(pg8000.native.to_statement)

SetVariable = Callable[[str, str], None]


def pytest_configure(config: pytest.Config) -> None:
    """Give each session a temporary folder of its own.

    As root, PostgreSQL runs as another user, who is allowed to pass through the folders above its data. Each start of
    pytest takes that permission away again from the folder that all sessions share.
    """
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="slowmatch-tests-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """A pretended AWS for the whole session, since clients are slow to make; gives the ARN of its one secret."""
    moto_patches.speed_up_queues()
    with mock_aws():
        text = json.dumps(
            {"username": "postgres", "password": "not-checked", "client_id": "console", "key": "k" * 64}
        )
        yield boto3.client("secretsmanager").create_secret(Name="database", SecretString=text)["ARN"]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a database with all migrations applied."""
    return migrated(postgres)


@pytest.fixture
def database(postgres: Postgres, template: str) -> Iterator[str]:
    """The name of a database that a test may break: a copy of the template, which takes 0.1 s."""
    name = postgres.create(template)
    yield name
    postgres.drop(name)


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres, template: str) -> Iterator[SharedDatabase]:
    """The database that `con` is connected to."""
    with closing(SharedDatabase(postgres, postgres.create(template))) as database:
        yield database


@pytest.fixture
def environment(
    postgres: Postgres, shared_database: SharedDatabase, aws: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """All settings, for a migrated database without rows and a pretended AWS without queues."""
    for name, value in _variables(postgres.port, shared_database.name, aws).items():
        monkeypatch.setenv(name, value)
    _forget()
    with shared_database.in_use():
        yield settings()
        _forget()
    queues.backend().reset()


@pytest.fixture
def set_variable(environment: Settings, monkeypatch: pytest.MonkeyPatch) -> SetVariable:
    """Sets an environment variable, and has the settings read again."""

    def set_variable(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        settings.cache_clear()

    return set_variable


@pytest.fixture(scope="session")
def issuers() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture
def issuer(environment: Settings, issuers: Issuer, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """Under AUTH=oidc: the provider that the functions trust."""
    issuers.reset()
    monkeypatch.setenv("AUTH", "oidc")
    monkeypatch.setenv("OIDC_ISSUER", issuers.url)
    for remembered in (settings, provider, sessions.serializer):
        remembered.cache_clear()
    return issuers


@pytest.fixture
def con(environment: Settings) -> Connection:
    """A connection to the empty database, the one that the functions under test get too."""
    return connection()


@pytest.fixture
def half_past(con: Connection, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Half past this hour. The database's clock starts there, and each look at it finds it a millisecond later.

    No hour, minute or second turns in the middle of such a test, however slow the machine is.
    """
    start = con.now().replace(minute=30, second=0, microsecond=0)
    looks = itertools.count()
    monkeypatch.setattr(Connection, "now", lambda con: start + next(looks) * timedelta(milliseconds=1))
    return start


def request_context(method: str, path: str, source_ip: str = "127.0.0.1") -> dict[str, Any]:
    """What API Gateway says about a request; by default one that AUTH=local lets in."""
    http = {"method": method, "path": path, "sourceIp": source_ip}
    return {"domainName": "localhost", "http": http, "stage": "$default"}


@dataclass
class LambdaContext:
    """What the Lambda runtime hands to a handler."""

    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:000000000000:function:test"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    remaining: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@pytest.fixture
def lambda_context() -> LambdaContext:
    return LambdaContext()


def _forget() -> None:
    for remembered in (settings, connection, provider, sessions.serializer):
        remembered.cache_clear()
    queue_depths._read.clear()


def _variables(port: int, database: str, secret_arn: str) -> dict[str, str]:
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(port),
        "DB_NAME": database,
        "DB_SECRET_ARN": secret_arn,
        "DB_TLS": "disable",
        "DB_CA_FILE": "",
        "DB_STATEMENT_TIMEOUT_SECONDS": "60",
        "STACK_NAME": STACK,
        "QUEUE_URL_PREFIX": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{STACK}-",
        "SCHEDULE_GROUP": STACK,
        "SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
        "MAIL_TRANSPORT": "smtp",
        "MAIL_SENDER": "slowmatch@example.com",
        "MAIL_SENDER_NAME": "Slowmatch",
        "MAIL_RECIPIENTS": "one@example.com,two@example.com",
        "MAIL_TEMPLATES_DIR": "",
        "SMTP_PRESET": "",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "1025",
        "SMTP_SECURITY": "none",
        "SMTP_SECRET_ARN": "",
        "RECORD_RETENTION_DAYS": "30",
        "RUN_RETENTION_DAYS": "30",
        "FAILED_RUN_RETENTION_DAYS": "90",
        "BATCH_SIZE": "10000",
        "AUTH": "local",
        "OIDC_ISSUER": "https://identity.example.com",
        "OIDC_SECRET_ARN": secret_arn,
        "OIDC_AUDIENCE": "",
        "OIDC_GROUPS_CLAIM": "cognito:groups",
        "OIDC_SCOPES": "openid email profile",
        "VIEWER_GROUP": "viewer",
        "OPERATOR_GROUP": "operator",
        "ADMIN_GROUP": "admin",
        "SESSION_SECRET_ARN": secret_arn,
        "SESSION_HOURS": "8",
    }
