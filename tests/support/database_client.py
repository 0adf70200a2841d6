"""Asks the PostgreSQL of a stack that runs."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pg8000.native

from local.environment import DATABASE, DATABASE_USER, HOST
from local.services.postgres import password


class DatabaseClient:
    """Looks into a stack's database, with a connection for each question."""

    def __init__(self, port: int, stack_data: Path) -> None:
        self.port = port
        self._password = password(stack_data)

    def query(self, sql: str, **values: Any) -> list[list[Any]]:
        with closing(self.connect()) as connection:
            rows: list[list[Any]] = connection.run(sql, **values)
            return rows

    def value(self, sql: str, **values: Any) -> Any:
        return self.query(sql, **values)[0][0]

    def connect(self) -> Any:
        return pg8000.native.Connection(
            DATABASE_USER,
            password=self._password,
            host=HOST,
            port=self.port,
            database=DATABASE,
            timeout=30,
            application_name="tests",
        )
