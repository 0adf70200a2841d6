"""PostgreSQL 18 on loopback TCP with a password, started and stopped with the stack."""

import asyncio
import contextlib
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from local import processes
from local.environment import DATABASE, DATABASE_USER
from local.errors import StackError
from local.services.postgres_server import Cluster, PostgresError

MAX_CONNECTIONS = 189
"""Aurora's with the smallest DatabaseMaxCapacity: what fits there, by the sum in template.yaml, fits here."""
SETTINGS = {
    "max_connections": str(MAX_CONNECTIONS),
    "max_wal_size": "4GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_START_SECONDS = 60.0  # after an unclean stop it replays its log first
_LEFTOVER_ERROR = "pre-existing shared memory block"
_LEFTOVER_SECONDS = 5.0


class PostgresUnavailable(StackError):
    """PostgreSQL cannot be set up or started; the message says why and what to do."""


def password(data: Path) -> str:
    """The password of DATABASE_USER, generated once and kept in the stack's data folder."""
    file = data / "postgres-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return file.read_text(encoding="ascii")


class Postgres:
    """The server whose data is in `folder`."""

    def __init__(
        self, folder: Path, password: str, *, port: int, log: Path, report: Callable[[str], None]
    ) -> None:
        self._cluster = Cluster(folder)
        self._password = password
        self._port = port
        self._log = log
        self._report = report
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once connections are accepted. Raises PostgresUnavailable."""
        preparing = asyncio.create_task(asyncio.to_thread(self._prepare))
        try:
            await asyncio.shield(preparing)
        finally:  # a killed initdb would leave shared memory behind, so let it end even when cancelled
            await asyncio.wait({preparing})
        deadline = asyncio.get_running_loop().time() + _LEFTOVER_SECONDS
        while True:
            try:
                return await self._launch()
            except PostgresUnavailable as error:
                # After a kill -9 of the server its child processes need a moment to notice.
                if _LEFTOVER_ERROR not in str(error) or asyncio.get_running_loop().time() > deadline:
                    raise

    def _prepare(self) -> None:
        """Create the data folder the first time; stop or clear away what a kill -9 left behind."""
        folder = self._cluster.folder
        try:
            if opened := self._cluster.open_parents():
                user = self._cluster.user.name if self._cluster.user else ""
                names = ", ".join(map(str, opened))
                self._report(f"PostgreSQL refuses to run as root, so it runs as {user}: added o+x to {names}")
            self._stop_leftover(folder / "postmaster.pid")
            self._cluster.create(DATABASE_USER, self._password, DATABASE)
        except PostgresError as error:
            raise PostgresUnavailable(str(error)) from error
        except PermissionError as error:
            raise PostgresUnavailable(
                f"{folder} belongs to another user ({error}): start the stack as that user, or remove"
                f" {folder.parent} to start with empty data"
            ) from error

    def _stop_leftover(self, pid_file: Path) -> None:
        """PostgreSQL handles a stale pid file, except when another program has the number by now."""
        if not pid_file.exists():
            return
        running = processes.command_of(pid_file.read_text(encoding="utf-8").partition("\n")[0])
        if "postgres" in running and str(self._cluster.folder) in running:
            self._cluster.run("pg_ctl", "stop", "-D", str(self._cluster.folder), "-m", "fast", "-w")
        elif running:
            pid_file.unlink()

    async def _launch(self) -> None:
        with self._log.open("ab") as log:
            begin = log.tell()
            self._process = await processes.spawn(
                *self._cluster.server_command(self._port, **SETTINGS),
                die_with=signal.SIGINT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._cluster.process_options(),
            )
        ended = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not self._cluster.is_ready(self._process.pid):
                    if ended.done():
                        raise PostgresUnavailable(f"PostgreSQL did not start{self._end_of_log(begin)}")
                    await asyncio.wait({ended}, timeout=0.02)
        except TimeoutError:
            raise PostgresUnavailable(
                f"PostgreSQL was not ready within {_START_SECONDS:.0f} s{self._end_of_log(begin)}"
            ) from None

    async def wait(self) -> str:
        """Return when the server has ended, with a message about it."""
        status = await self._process.wait() if self._process else None
        return f"PostgreSQL ended with status {status}{self._end_of_log()}"

    async def stop(self) -> None:
        """Fast shutdown; immediate shutdown if that takes more than 5 s."""
        if self._process is not None:
            await processes.stop(self._process, (signal.SIGINT, 5), (signal.SIGQUIT, 3))

    def _end_of_log(self, begin: int = 0) -> str:
        """The last lines of the log, from byte `begin` on."""
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[begin:].decode(errors="replace").splitlines()[-5:]
            return f"; the end of {self._log}:\n" + "\n".join(f"    {line}" for line in lines)
        return ""
