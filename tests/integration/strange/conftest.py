"""A few trials of everything strange."""

from collections.abc import Iterator
from typing import Any

import pytest

from slowmatch.db import Connection
from tests.integration.strange.trials import Trials, trying


@pytest.fixture
def trials(con: Connection, lambda_context: Any) -> Iterator[Trials]:
    with trying(con, lambda_context, number=25) as trials:
        yield trials
