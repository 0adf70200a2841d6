"""Requests of API clients and browsers, and what they changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from console.app import handler as console
from records_api.app import handler
from slowmatch.db import Connection
from slowmatch.telemetry import logger
from tests.conftest import LambdaContext, request_context
from tests.integration.console.conftest import FakeBrowser
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


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Returns what was logged since the last call, with all fields."""
    monkeypatch.setattr(logger, "propagate", True)

    def log() -> str:
        text = "\n".join(str(vars(record)) for record in caplog.records)
        caplog.clear()
        return text

    return log


@pytest.fixture
def send(con: Connection, lambda_context: LambdaContext, log: Callable[[], str]) -> Send:
    """Sends a request from the internet that creates a record, with these headers."""

    def send(headers: dict[str, str], **parts: Any) -> Answer:
        context = request_context("POST", "/api/records", PUBLIC_ADDRESS) | {"domainName": HOST}
        event = {
            "version": "2.0",
            "rawPath": "/api/records",
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "host": HOST} | headers,
            "requestContext": context,
            "body": NEW_RECORD,
            "isBase64Encoded": False,
        }
        answer = handler(event | parts, lambda_context)
        detail = json.loads(answer["body"]).get("detail", "")
        return Answer(answer["statusCode"], answer["headers"], detail, log())

    return send


def table_digests(con: Connection) -> dict[str, list[Any]]:
    """The number of rows of each table and a digest of them."""
    tables = con.query("SELECT relname::text FROM pg_stat_user_tables ORDER BY relname")
    digest = "SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {} AS t"
    return {table: con.query(digest.format(table))[0] for (table,) in tables}


@pytest.fixture
def browser(
    con: Connection, issuer: Issuer, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> FakeBrowser:
    """A browser without a session."""
    return FakeBrowser(console, lambda_context, monkeypatch)
