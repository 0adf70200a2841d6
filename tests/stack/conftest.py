"""The whole stack on this machine, started once."""

from collections.abc import Iterator

import pytest

from tests.support.stack_process import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
