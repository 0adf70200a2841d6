"""Connections to a database whose schema a test may change."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from slowmatch.db import Connection
from slowmatch.settings import Settings


@pytest.fixture
def connect(environment: Settings, database: str) -> Iterator[Callable[[], Connection]]:
    config = dataclasses.replace(environment, db_name=database)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Connection(config)))
