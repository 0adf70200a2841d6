"""Many histories of the house, each from its beginning to its end."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from slowmatch.aws import sqs
from slowmatch.db import Connection
from slowmatch.jobs.catalog import JOBS
from tests.integration.jobs.crew import SPECS
from tests.integration.jobs.house import START, House
from tests.integration.jobs.interleaved import Clock, Post
from tests.integration.jobs.upkeep import taken


def houses(con: Connection, lambda_context: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], House]:
    """Makes houses with a clock and a queue of their own; each is empty when it is made."""
    clock = Clock(START)
    post = Post(clock)
    monkeypatch.setattr(Connection, "now", lambda con: clock.look())
    monkeypatch.setattr(sqs, "client", lambda: post)
    for name, spec in SPECS.items():
        monkeypatch.setitem(JOBS, name, spec)

    def house() -> House:
        return House(con, clock, post, lambda_context)

    return house


def try_the_house(
    house: Callable[[], House], chosen: settings, begin_with: int | None = None
) -> Counter[str]:
    """Run the machine as `chosen` says, at random from `begin_with`; the steps that were taken."""
    taken.clear()
    if begin_with is not None:
        seed(begin_with)(house)
    run_state_machine_as_test(house, settings=chosen)  # type: ignore[arg-type]
    return Counter(taken)
