"""Backing services with their tables made, for what `sam local` keeps running."""

from collections.abc import Iterator

import pytest

from slowmatch.db import connection, migrate
from tests.sam import backing
from tests.sam.backing import Backing


@pytest.fixture(scope="session")
def migrated() -> Iterator[Backing]:
    with backing.services() as running:
        running.use_here()
        migrate.apply(connection())
        yield running
