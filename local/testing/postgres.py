"""A real PostgreSQL for tests: started once, on loopback, with a database for each test."""

import secrets
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

from local.services.postgres_server import Cluster, free_port

STARTUP_SECONDS = 20
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


@dataclass
class Postgres:
    """A running server and its databases."""

    port: int
    process: "subprocess.Popen[bytes]"
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def connect(self, database: str) -> Any:
        password = "-"  # every password is right
        return pg8000.native.Connection(
            "postgres", host="127.0.0.1", port=self.port, database=database, password=password
        )

    def create(self, template: str = "template1") -> str:
        """Create a database from `template` and return its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.keep("postgres").run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.keep("postgres").run(f"DROP DATABASE {name} WITH (FORCE)")

    def keep(self, database: str) -> Any:
        """A connection that stays open until the server stops."""
        if database not in self.kept:
            self.kept[database] = self.connect(database)
        return self.kept[database]


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server in a temporary folder, and remove both afterwards."""
    with tempfile.TemporaryDirectory(prefix="slowmatch-") as folder:
        cluster = Cluster(Path(folder) / "data")
        cluster.open_parents()
        cluster.create("postgres", sync=False)
        server = _start(cluster, Path(folder) / "log")
        try:
            yield server
        finally:
            for con in server.kept.values():
                con.close()
            server.process.send_signal(signal.SIGQUIT)  # without a checkpoint: the data are removed anyway
            server.process.wait(STARTUP_SECONDS)


def _start(cluster: Cluster, log: Path, tries: int = 3) -> Postgres:
    """Start the server on a free port, or on another one if something took that before the server did."""
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
        if process.poll() is not None and tries > 1:
            return _start(cluster, log, tries - 1)
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.02)
    return Postgres(port, process)
