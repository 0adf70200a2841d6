"""A fuzzer with a few examples of each kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from tests.integration.fuzzing.fuzzer import Fuzzer, fuzzing


@pytest.fixture
def fuzzer(con: Connection, lambda_context: Any) -> Iterator[Fuzzer]:
    with fuzzing(con, lambda_context, number=25) as fuzzer:
        yield fuzzer
