"""A real PostgreSQL for tests: started once, on loopback, with a database for each test."""

import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.native

from slowmatch.postgres_server import Cluster, free_port

STARTUP_SECONDS = 20
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
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
    """Start a server in a temporary folder, and remove both afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="slowmatch-"))
    try:
        cluster = Cluster(folder / "data")
        cluster.open_parents()
        cluster.create("postgres", sync=False)
        server = _start(cluster, folder / "log")
        try:
            yield server
        finally:
            server.close()
            server.process.send_signal(signal.SIGQUIT)  # without a checkpoint: the data are removed anyway
            server.process.wait(STARTUP_SECONDS)
    finally:
        shutil.rmtree(folder)


def _start(cluster: Cluster, log: Path) -> Postgres:
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            cluster.server_command(port, **SETTINGS),
            stdout=output,
            stderr=output,
            **cluster.process_options(),
        )
    deadline = time.monotonic() + STARTUP_SECONDS
    while not cluster.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.02)
    return Postgres(port, process)
