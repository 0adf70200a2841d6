"""Requests of API clients and browsers, and what they changed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from console.app import handler as console
from records_api.app import handler
from slowmatch.db import Connection
from slowmatch.telemetry import logger
from tests.conftest import LambdaContext
from tests.integration.console.conftest import FakeBrowser
from tests.support.http_events import http_event
from tests.support.issuer import Issuer

PUBLIC_ADDRESS = "203.0.113.7"
HOST = "api.example.com"
NEW_RECORD = json.dumps({"title": "Certificate", "expiry_date": "2026-12-31T12:00:00Z"})


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    detail: str
    log: str


Send = Callable[..., Answer]
Log = Callable[[], str]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Returns what was logged since the last call, with all fields."""
    monkeypatch.setattr(logger, "propagate", True)

    def log() -> str:
        text = "\n".join(str(vars(record)) for record in caplog.records)
        caplog.clear()
        return text

    return log


@pytest.fixture
def send(con: Connection, lambda_context: LambdaContext, log: Log) -> Send:
    """Sends a request from the internet that creates a record, with these headers."""

    def send(headers: dict[str, str], **parts: Any) -> Answer:
        headers = {"content-type": "application/json"} | headers
        event = internet_event("POST", "/api/records", NEW_RECORD, headers=headers)
        answer = handler(event | parts, lambda_context)
        detail = json.loads(answer["body"]).get("detail", "")
        return Answer(answer["statusCode"], answer["headers"], detail, log())

    return send


@contextmanager
def nothing_written(con: Connection) -> Iterator[None]:
    """Fail unless every table has the same rows after the block as before."""
    before = _rows(con)
    yield
    assert _rows(con) == before


def internet_event(
    method: str, path: str, body: str | None = None, *, headers: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """A request from the internet."""
    headers = {"host": HOST} | (headers or {})
    return http_event(method, path, body, headers=headers, host=HOST, source_ip=PUBLIC_ADDRESS, **more)


@pytest.fixture
def browser(
    con: Connection, issuer: Issuer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> FakeBrowser:
    """A browser without a session."""
    return FakeBrowser(console, lambda_context, monkeypatch)


def _rows(con: Connection) -> list[list[str]]:
    """The rows of all tables, each with the name of its table."""
    tables = con.query("SELECT relname::text FROM pg_stat_user_tables")
    return sorted(
        con.query(" UNION ALL ".join(f"SELECT '{name}', t::text FROM {name} AS t" for (name,) in tables))
    )
