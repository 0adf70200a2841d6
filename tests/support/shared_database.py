"""A database that many tests use, one after the other, each as if it were new."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import pg8000.native
import pytest

from local.testing.postgres import Postgres
from slowmatch.db import Connection
from slowmatch.settings import settings
from tests.support.empty_database import EMPTY

HANG_UP = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class SharedDatabase:
    """Keeps a session for the next test: a new one reads the catalog first, which takes longer than a short test."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.name = name
        self._server = server
        self._kept: pg8000.native.Connection | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Lend the kept session to the first connection; at the end delete all rows, and end all other sessions."""
        usual, login = _login_parameters(Connection(settings())), Connection._login
        used, usable = list[Connection](), list[pg8000.native.Connection]()

        def lend(con: Connection) -> pg8000.native.Connection:
            used.append(con)
            if _login_parameters(con) != usual:
                return login(con)
            session, self._kept = self._kept or login(con), None
            usable.append(session)
            con._session_seconds = con._statement_seconds
            return session

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Connection, "_login", lend)
            yield
        for con in used:
            if self._kept is None and con._pg8000 in usable and _reset(con._pg8000):
                con._pg8000, self._kept = None, con._pg8000
            con.close()
        self._empty()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def _empty(self) -> None:
        kept = self._kept
        with nullcontext(kept) if kept else closing(self._server.connect(self.name)) as session:
            session.run(HANG_UP)
            session.run(EMPTY)


def _login_parameters(con: Connection) -> tuple[Any, ...]:
    config = con._config
    database = (config.db_host, config.db_port, config.db_name, config.db_secret_arn, config.db_tls)
    return *database, config.stack_name, con._statement_seconds


def _reset(session: pg8000.native.Connection) -> bool:
    """Forget what a test has set; False if the session is dead."""
    try:
        session.run("ROLLBACK")
        session.run("DISCARD ALL")
    except (pg8000.native.Error, OSError):
        return False
    return True
