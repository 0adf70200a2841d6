"""Who is let in to the JSON APIs, and what the log says of those who are not."""

from typing import Any

import pytest

from slowmatch.http.api import Api
from slowmatch.telemetry import logger
from tests.conftest import request_context
from tests.support.issuer import Issuer


def answer(path: str, **headers: str) -> dict[str, Any]:
    context = request_context("GET", path) | {"domainName": "api.example.com"}
    return Api().resolve({"rawPath": path, "headers": headers, "requestContext": context}, None)


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Token", "Bearerx", ""])
def test_a_token_of_another_scheme_is_none(issuer: Issuer, scheme: str) -> None:
    assert answer("/", authorization=f"Bearer {issuer.access_token()}")["statusCode"] == 404
    assert answer("/", authorization=f"{scheme} {issuer.access_token()}")["statusCode"] == 401


def test_the_log_keeps_the_beginning_of_an_address(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "propagate", True)
    answer("/" + "x" * 10_000)
    (record,) = caplog.records
    assert vars(record)["path"] == "/" + "x" * 199
