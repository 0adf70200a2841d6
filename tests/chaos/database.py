"""A PostgreSQL that is stopped, crashed and started again while a stack uses it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pg8000.native

from local.environment import DATABASE, DATABASE_USER
from local.services.postgres import SETTINGS
from local.services.postgres_server import Cluster
from tests.support.database_client import DatabaseClient
from tests.support.ports import free_ports
from tests.support.stack_process import until

T = TypeVar("T")

FAST, CRASH = signal.SIGINT, signal.SIGQUIT
"""PostgreSQL's fast shutdown, and its immediate one: it writes nothing more and replays its log afterwards."""


class Database(DatabaseClient):
    """Durable as the stack's own; the stack finds it through DB_PORT, and the same password in its data folder."""

    def __init__(self, folder: Path, stack_data: Path) -> None:
        stack_data.mkdir(parents=True, exist_ok=True)
        super().__init__(free_ports(), stack_data)
        self._log = folder / "postgres.log"
        self._cluster = Cluster(folder / "postgres")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._cluster.open_parents()
        self._cluster.create(DATABASE_USER, self._password, DATABASE)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._cluster.server_command(self.port, **SETTINGS),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._cluster.process_options(),
            )
        until(self._answers, bool, 60)

    def crash_without_its_last_moments(self, during: Callable[[], T]) -> T:
        """Crash right after `during`; what no commit waited for is not on the disk, since nobody writes it."""
        writer = until(self._hold_the_log_s_writer, bool)
        done = during()
        assert self._process is not None
        self._process.send_signal(CRASH)
        os.kill(writer, signal.SIGKILL)  # a stopped process would be waited for
        self._process.wait(30)
        self.start()
        return done

    def _hold_the_log_s_writer(self) -> int | None:
        """Its process, stopped while it sleeps: awake it may have a lock that every commit needs."""
        pid = int(self.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"))
        os.kill(pid, signal.SIGSTOP)
        if self.value("SELECT wait_event FROM pg_stat_activity WHERE pid = :pid", pid=pid) == "WalWriterMain":
            return pid
        os.kill(pid, signal.SIGCONT)
        return None

    def stop(self, how: signal.Signals = FAST) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)

    def _answers(self) -> bool:
        try:
            return bool(self.value("SELECT 1"))
        except (pg8000.native.Error, OSError):
            return False


@contextmanager
def started(folder: Path, stack_data: Path) -> Iterator[Database]:
    database = Database(folder, stack_data)
    database.start()
    try:
        yield database
    finally:
        database.stop()
