"""Where contestants meet: one PostgreSQL with the settings of `make run`, on a folder that goes afterwards."""

import asyncio
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.harness.aws import StubAws
from benchmarks.harness.database import Database, aws_environment
from benchmarks.harness.words import duration
from local import ROOT
from local.environment import DATABASE_USER, HOST
from local.errors import StackError
from local.services.postgres import Postgres

ROUNDS = 9
SHORT_ROUNDS = 2


class PeerMissing(StackError):
    """A peer has no virtual environment; the message says how to make it."""


class Stage:
    """Open while its `with` block lasts. `short` asks for tiny sizes: speed is no matter, guarantees are."""

    def __init__(self, *, short: bool = False, rounds: int | None = None) -> None:
        self.short = short
        self.rounds = rounds or (SHORT_ROUNDS if short else ROUNDS)
        self._began = time.monotonic()
        self._password = secrets.token_hex(16)
        self._port = _free_port()
        self._databases = 0
        self._template: Database | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            folder = Path(tempfile.mkdtemp(prefix="slowmatch-bench-"))
            folder.chmod(0o711)  # as root, PostgreSQL runs as another user
            opening.callback(shutil.rmtree, folder, ignore_errors=True)
            self.aws = opening.enter_context(
                StubAws(
                    {"username": DATABASE_USER, "password": self._password, "client_id": "-", "key": "k" * 64}
                )
            )
            runner = opening.enter_context(asyncio.Runner())
            server = Postgres(
                folder / "postgres",
                self._password,
                port=self._port,
                log=folder / "postgres.log",
                report=self.progress,
            )
            runner.run(server.start())
            opening.callback(lambda: runner.run(server.stop()))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def database(self, *, migrated: bool = True) -> Database:
        """A fresh one: with Slowmatch's schema and no rows, or else with nothing at all."""
        if not migrated:
            return self._create("template1")
        if self._template is None:
            self._template = self._create("template1")
            _migrate(self._template)
        return self._create(self._template.name)

    def drop(self, database: Database) -> None:
        """Give the disk back before the end; sessions that are left in it are ended."""
        self._administer(f"DROP DATABASE {database.name} WITH (FORCE)")

    def peer(self, name: str) -> Path:
        """The Python of that peer's virtual environment. Raises PeerMissing."""
        python = ROOT / ".venv-peers" / name / "bin" / "python"
        if not python.exists():
            raise PeerMissing(
                f"the peer {name} has no virtual environment: make .venv-peers/{name}/.made, or make bench"
            )
        return python

    @property
    def python(self) -> Path:
        """The Python of Slowmatch's own contestants."""
        return Path(sys.executable)

    def progress(self, text: str) -> None:
        print(f"after {duration(time.monotonic() - self._began)}: {text}", file=sys.stderr, flush=True)

    def server_version(self) -> str:
        with closing(self._named("postgres").connect()) as con:
            return str(con.run("SHOW server_version")[0][0])

    def _create(self, template: str) -> Database:
        self._databases += 1
        name = f"bench_{self._databases}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._named(name)

    def _administer(self, sql: str) -> None:
        with closing(self._named("postgres").connect()) as con:
            con.run(sql)

    def _named(self, name: str) -> Database:
        return Database(name, self._port, self._password, self.aws.url)


def _migrate(database: Database) -> None:
    from slowmatch.db import Connection, migrate
    from slowmatch.settings import Settings

    os.environ.update(aws_environment(database.aws_url))
    with closing(Connection(Settings.from_env(database.env))) as con:
        migrate.apply(con)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
