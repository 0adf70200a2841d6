"""The promises of docs/architecture.md in many more orders of things than `make test` has time for."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from slowmatch.db import Connection
from tests.chaos.report import SEED, Figures
from tests.integration.jobs.job_system_machine import machine_factory, run_machine

SUBJECT = "The state machine"


def test_what_is_promised_holds_in_five_hundred_histories(
    con: Connection,
    lambda_context: Any,
    monkeypatch: pytest.MonkeyPatch,
    short: bool,
    figures: Figures,
) -> None:
    many = settings(
        max_examples=60 if short else 500,
        stateful_step_count=40 if short else 60,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    taken = run_machine(machine_factory(con, lambda_context, monkeypatch), many, begin_with=SEED)
    examples = taken.pop("examples")
    assert examples >= many.max_examples
    figures.add(SUBJECT, "histories", examples)
    figures.add(SUBJECT, "steps", taken.total())
    for name, times in sorted(taken.items()):
        figures.add(SUBJECT, f"of these {name.replace('_', ' ')}", times)
