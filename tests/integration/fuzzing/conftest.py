"""A fuzzer with a few examples of each kind."""

from typing import Any

import pytest

from slowmatch.db import Connection
from tests.integration.fuzzing.fuzzer import Fuzzer, make_fuzzer


@pytest.fixture
def fuzzer(con: Connection, lambda_context: Any) -> Fuzzer:
    return make_fuzzer(con, lambda_context, number=25)
