"""The embedded PostgreSQL: made once, reached by password, back after every kind of end."""

import asyncio
import gc
import os
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pg8000.native
import pytest

from local.environment import DATABASE, DATABASE_USER
from local.services.postgres import MAX_CONNECTIONS, Postgres, PostgresUnavailable, password
from local.template import reader
from local.template.model import DEFAULT_CONCURRENCY
from tests.support.ports import free_ports
from tests.support.stack_process import ROOT
from tests.unit.local.support import alive, eventually

RESERVED_FOR_SUPERUSERS = 3


class ServerFolder:
    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.port = free_ports()
        self.secret = password(folder)
        self.server = self.another()

    def another(self) -> Postgres:
        """A server on the same folder."""
        return Postgres(
            self.data / "postgres",
            self.secret,
            port=self.port,
            log=self.data / "log",
            report=lambda _: None,
        )

    async def query(self, sql: str, **login: Any) -> Any:
        login = {"user": DATABASE_USER, "password": self.secret, "database": DATABASE} | login

        def ask() -> Any:
            with closing(pg8000.native.Connection(host="127.0.0.1", port=self.port, **login)) as connection:
                return connection.run(sql)

        return await asyncio.to_thread(ask)

    @property
    def pid(self) -> int:
        return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.server.start()
        try:
            yield
        finally:
            await self.server.stop()


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> ServerFolder:
    """A cluster that is made once, since that takes a second; each test starts it and stops it."""
    return ServerFolder(tmp_path_factory.mktemp("postgres"))


async def test_the_database_is_there_in_utf8_and_utc(server_folder: ServerFolder) -> None:
    async with server_folder.running():
        [[encoding]] = await server_folder.query("SHOW server_encoding")
        [[zone]] = await server_folder.query("SHOW timezone")
        [[version]] = await server_folder.query("SHOW server_version")
        assert (encoding, zone, version.split(".")[0]) == ("UTF8", "UTC", "18")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_wrong_password_is_refused(server_folder: ServerFolder) -> None:
    """pg8000 leaves its socket to the garbage collector when it is refused."""
    async with server_folder.running():
        with pytest.raises(pg8000.native.DatabaseError, match="password authentication failed"):
            await server_folder.query("SELECT 1", password="wrong")
    gc.collect()


def test_every_process_of_a_function_finds_a_connection() -> None:
    functions = reader.read(ROOT / "template.yaml", aws_port=1).functions
    wanted = sum(function.reserved_concurrency or DEFAULT_CONCURRENCY for function in functions)
    assert wanted <= MAX_CONNECTIONS - RESERVED_FOR_SUPERUSERS


def test_the_password_is_kept_and_only_for_its_owner(server_folder: ServerFolder) -> None:
    file = server_folder.data / "postgres-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password(server_folder.data) == server_folder.secret == file.read_text()
    assert len(server_folder.secret) >= 32


async def test_data_survives_a_clean_stop_and_a_kill(server_folder: ServerFolder) -> None:
    async with server_folder.running():
        await server_folder.query("CREATE TABLE IF NOT EXISTS kept (n int)")
        await server_folder.query("INSERT INTO kept VALUES (1)")
    async with server_folder.running():
        await server_folder.query("INSERT INTO kept VALUES (2)")
        os.killpg(server_folder.pid, signal.SIGKILL)
        assert "PostgreSQL ended with status -9" in await server_folder.server.wait()
    assert (server_folder.data / "postgres" / "postmaster.pid").exists()
    async with server_folder.running():
        rows = await server_folder.query("SELECT n FROM kept ORDER BY n")
        assert rows == [[1], [2]]


async def test_a_server_that_was_left_behind_is_stopped_first(server_folder: ServerFolder) -> None:
    left = server_folder.another()
    await left.start()
    old = server_folder.pid
    async with server_folder.running():
        assert server_folder.pid != old
        assert await server_folder.query("SELECT 1") == [[1]]
    assert "status 0" in await left.wait()


async def test_another_program_with_the_pid_of_the_file_is_spared(
    server_folder: ServerFolder,
) -> None:
    folder = server_folder.data / "postgres"
    other = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        lines = (other.pid, folder, 0, server_folder.port, "", "127.0.0.1", "", "ready")
        (folder / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
        async with server_folder.running():
            assert await server_folder.query("SELECT 1") == [[1]]
        assert alive(other.pid)
    finally:
        other.kill()
        await other.wait()


async def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    server_folder = ServerFolder(tmp_path)
    async with server_folder.running():
        assert await server_folder.query("SELECT 1") == [[1]]
    assert not (tmp_path / "postgres.new").exists()
    assert not (tmp_path / "postgres.pwfile").exists()


async def test_a_server_that_cannot_start_says_why(server_folder: ServerFolder) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", server_folder.port)
    try:
        with pytest.raises(
            PostgresUnavailable, match=r"(?s)did not start.*Address already in use"
        ) as refused:
            await server_folder.server.start()
        assert "log" in str(refused.value)
    finally:
        listener.close()
        await listener.wait_closed()
        await server_folder.server.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_stopping_does_not_wait_for_clients(server_folder: ServerFolder) -> None:
    async with server_folder.running():
        waiting = asyncio.create_task(server_folder.query("SELECT pg_sleep(60)"))
        count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        await eventually(lambda: server_folder.query(count), lambda rows: rows == [[1]])
        await server_folder.server.stop()
        with pytest.raises((pg8000.native.DatabaseError, pg8000.native.InterfaceError)):
            await waiting
    gc.collect()  # as above
