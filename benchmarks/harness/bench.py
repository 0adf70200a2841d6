"""What programs are measured on: one PostgreSQL with the settings of `make run`, in a temporary folder."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import pg8000.native

from local import ROOT
from local.environment import DATABASE_USER, HOST, Ports, local_values
from local.errors import StackError
from local.services.postgres import Postgres

ROUNDS = 9
SHORT_ROUNDS = 2


class PeerMissing(StackError):
    """A peer has no virtual environment; the message says how to create it."""


@dataclass(frozen=True)
class Database:
    """A database of one measurement: `env` is for Slowmatch, `url` for peers."""

    name: str
    port: int
    password: str = field(repr=False)
    aws_url: str

    @property
    def env(self) -> dict[str, str]:
        return local_values(Ports(self.port - 1), {}) | {
            "DB_NAME": self.name,
            "PYTHONPATH": ":".join(str(ROOT / part) for part in ("layers/common", "functions", "")),
            **aws_environment(self.aws_url),
            "POWERTOOLS_SERVICE_NAME": "benchmark",
            "POWERTOOLS_METRICS_NAMESPACE": "Slowmatch",
            "POWERTOOLS_LOG_LEVEL": "INFO",
        }

    @property
    def url(self) -> str:
        return f"postgresql://{DATABASE_USER}:{self.password}@{HOST}:{self.port}/{self.name}"

    def connect(self) -> pg8000.native.Connection:
        """A connection that the caller closes."""
        return pg8000.native.Connection(
            DATABASE_USER, password=self.password, host=HOST, port=self.port, database=self.name
        )


class Bench:
    """Open while its `with` block lasts. `short` asks for tiny sizes, which check guarantees and not speed."""

    def __init__(self, *, short: bool = False, rounds: int | None = None) -> None:
        self.short = short
        self.rounds = rounds or (SHORT_ROUNDS if short else ROUNDS)
        self.python = Path(sys.executable)
        self._began = time.monotonic()
        self._password = secrets.token_hex(16)
        self._port = _free_port()
        self._databases = 0
        self._migrated: Database | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            folder = Path(tempfile.mkdtemp(prefix="slowmatch-bench-"))
            folder.chmod(0o711)  # as root, PostgreSQL runs as another user
            opening.callback(shutil.rmtree, folder, ignore_errors=True)
            self._aws_url = opening.enter_context(
                secrets_manager(
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

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def database(self, *, migrated: bool = True) -> Database:
        """A new database with Slowmatch's schema and no rows, or with nothing at all."""
        if not migrated:
            return self._create("template1")
        if self._migrated is None:
            self._migrated = self._create("template1")
            _migrate(self._migrated)
        return self._create(self._migrated.name)

    def copy(self, database: Database) -> Database:
        """A copy of a database that nobody is connected to."""
        return self._create(database.name)

    def drop(self, database: Database) -> None:
        """Give the disk back before the end."""
        self._administer(f"DROP DATABASE {database.name} WITH (FORCE)")

    def peer(self, name: str) -> Path:
        """The Python of a peer's virtual environment. Raises PeerMissing."""
        python = ROOT / ".venv-peers" / name / "bin" / "python"
        if not python.exists():
            raise PeerMissing(
                f"the peer {name} has no virtual environment: run make .venv-peers/{name}/.made, or make bench"
            )
        return python

    def progress(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", file=sys.stderr, flush=True)

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
        return Database(name, self._port, self._password, self._aws_url)


@contextmanager
def secrets_manager(secret: dict[str, str]) -> Iterator[str]:
    """The URL of a Secrets Manager that answers every request with this secret."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"ARN": asked["SecretId"], "Name": asked["SecretId"], "SecretString": json.dumps(secret)}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            """Log nothing: the terminal is for figures."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


def aws_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


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
