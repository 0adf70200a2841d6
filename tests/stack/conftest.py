"""The whole stack on this machine, started once; no schedule starts a run meanwhile."""

from collections.abc import Iterator

import pytest

from tests.support.stack_process import Stack, running, without_schedules


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with running(folder, template=without_schedules(folder)) as stack:
        yield stack
