"""Many histories of the machine, each from its beginning to its end."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from tests.integration.jobs.dispatcher_rules import taken
from tests.integration.jobs.job_system_machine import START, JobSystemMachine
from tests.integration.jobs.stepped_worker import Clock, FakeSqs
from tests.integration.jobs.worker_rules import SPECS


def machine_factory(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], JobSystemMachine]:
    """Makes machine_factory with a clock and a queue of their own; each is empty when it is made."""
    clock = Clock(START)
    fake_sqs = FakeSqs(clock)
    monkeypatch.setattr(Connection, "now", lambda con: clock.look())
    monkeypatch.setattr(sqs, "client", lambda: fake_sqs)
    for name, spec in SPECS.items():
        monkeypatch.setitem(JOBS, name, spec)

    def machine() -> JobSystemMachine:
        return JobSystemMachine(con, clock, fake_sqs, lambda_context)

    return machine


def run_machine(
    machine: Callable[[], JobSystemMachine], chosen: settings, begin_with: int | None = None
) -> Counter[str]:
    """Run the machine as `chosen` says, at random from `begin_with`; the steps that were taken."""
    taken.clear()
    if begin_with is not None:
        seed(begin_with)(machine)
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[arg-type]
    return Counter(taken)
