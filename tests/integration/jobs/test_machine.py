"""The promises of docs/architecture.md hold in any order of things; `make chaos` tries many more of them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from slowmatch.db import Connection
from tests.integration.jobs.histories import try_the_house
from tests.integration.jobs.promises import allowed_transitions


def test_what_is_promised_holds_in_any_order_of_things(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = settings(
        max_examples=80,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    try_the_house(con, lambda_context, monkeypatch, calm)


def test_the_documented_transitions_are_read() -> None:
    assert {(None, "processing"), ("scheduled", "processing"), ("failed", "deleted")} < allowed_transitions()
    assert ("deleted", "processing") not in allowed_transitions()
