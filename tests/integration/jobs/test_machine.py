"""The promises of docs/architecture.md hold in any order of things; `make chaos` tries many more of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from slowmatch.db import Connection
from tests.integration.jobs.invariants import allowed_transitions
from tests.integration.jobs.job_system_machine import JobSystemMachine, machine_factory, run_machine
from tests.integration.jobs.worker_rules import RESULTS, SPECS

NOW, LATER = timedelta(0), timedelta(minutes=5)


@pytest.fixture
def machine(
    con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], JobSystemMachine]:
    return machine_factory(con, lambda_context, monkeypatch)


def test_what_is_promised_holds_in_any_order_of_things(machine: Callable[[], JobSystemMachine]) -> None:
    calm = settings(
        max_examples=80,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_machine(machine, calm)


def step(machine: JobSystemMachine, name: str, **values: Any) -> None:
    """One step, and what has to hold after it."""
    getattr(machine, name)(**values)
    machine.invariants_hold()


# Chance comes to these rarely, and each was once the only one to show a broken guard.


@pytest.mark.parametrize("job", sorted(SPECS))
@pytest.mark.parametrize("how", ["deleted", "lost", "lost and begun again"])
@pytest.mark.parametrize("order", ["checkpoint", *RESULTS])
def test_a_worker_whose_run_was_taken_away_changes_nothing(
    machine: Callable[[], JobSystemMachine], job: str, how: str, order: str
) -> None:
    history = machine()
    step(history, "enqueue", job=job, delay=NOW, how="plainly")
    step(history, "first_worker", which=0, again=True, order=order)
    step(history, "run_is_taken_away", order=order, how=how)
    history.teardown()


@pytest.mark.parametrize("waited", [NOW, timedelta(minutes=6)])
def test_two_dispatchers_close_an_attempt_once(
    machine: Callable[[], JobSystemMachine], waited: timedelta
) -> None:
    history = machine()
    step(history, "enqueue", job="send-test-mail", delay=NOW, how="plainly")
    step(history, "first_worker", which=0, again=False, order="crash")
    step(history, "first_worker", which=0, again=False, order="crash")
    step(history, "two_dispatchers_at_once", begun_again=True, waited=waited)
    history.teardown()


@pytest.mark.parametrize("job", ["record-expiry", "db-cleanup"])
def test_an_occurrence_during_a_run_is_skipped_or_waits(
    machine: Callable[[], JobSystemMachine], job: str
) -> None:
    history = machine()
    for hour in (1, 2):
        step(history, "occurrence_is_due", job=job, hour=hour)
    step(history, "first_worker", which=0, again=False, order="returns")
    step(history, "second_worker", which=0, again=False, order="returns")
    history.teardown()


@pytest.mark.parametrize("is_bulk", [False, True])
@pytest.mark.parametrize("results_wait", [False, True])
@pytest.mark.parametrize("how", ["deleted", "lost"])
@pytest.mark.parametrize("order", ["checkpoint", *RESULTS])
def test_a_batch_goes_on_when_its_first_run_was_taken_away(
    machine: Callable[[], JobSystemMachine], how: str, order: str, results_wait: bool, is_bulk: bool
) -> None:
    history = machine()
    for _ in range(3):
        step(history, "enqueue", job="send-test-mail", delay=NOW, how="plainly")
    if results_wait:
        step(history, "results_begin_or_cease_to_wait")
    history.take(list(history.sqs.messages), again=False, is_bulk=is_bulk)
    history.invariants_hold()
    step(history, "run_is_taken_away", order=order, how=how)
    step(history, "first_worker", which=0, again=False, order=order)
    history.teardown()


def test_the_documented_transitions_are_read() -> None:
    assert {(None, "processing"), ("scheduled", "processing"), ("failed", "deleted")} < allowed_transitions()
    assert ("deleted", "processing") not in allowed_transitions()
