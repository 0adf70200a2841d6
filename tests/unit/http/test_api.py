"""The resolver of the JSON APIs."""

import pytest

from slowmatch.http.api import Api
from slowmatch.telemetry import logger
from tests.issuer import Issuer
from tests.support.http_events import http_event


def test_a_middleware_that_would_not_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="middleware"):
        Api().use([lambda app, next_middleware: next_middleware(app)])


def test_the_log_keeps_the_beginning_of_an_address(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "propagate", True)
    Api().resolve(http_event("GET", "/" + "x" * 10_000), None)
    (record,) = caplog.records
    assert vars(record)["path"] == "/" + "x" * 199
