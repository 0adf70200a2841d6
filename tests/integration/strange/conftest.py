"""A fuzzer that sends a few examples of each kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from tests.integration.strange.fuzzer import Fuzzer, running_fuzzer


@pytest.fixture
def fuzzer(con: Connection, lambda_context: Any) -> Iterator[Fuzzer]:
    with running_fuzzer(con, lambda_context, number=25) as fuzzer:
        yield fuzzer
