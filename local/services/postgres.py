"""PostgreSQL 18 on loopback TCP with a password, started and stopped with the stack."""

import asyncio
import contextlib
import signal
import subprocess
from pathlib import Path

from local import processes
from local.environment import HOST
from local.services.cluster import ENVIRONMENT, Cluster, PostgresError, binaries

MAX_CONNECTIONS = 189
"""Aurora's, with the least DatabaseMaxCapacity: what fits there, by the sum in template.yaml, fits here."""
_START_SECONDS = 60.0  # after an unclean stop it replays its log first
_LEFTOVER = "pre-existing shared memory block"
_LEFTOVER_SECONDS = 5.0


class Postgres:
    def __init__(self, cluster: Cluster, port: int, log: Path) -> None:
        self._cluster = cluster
        self._port = port
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once connections are accepted. Raises PostgresError."""
        await self._cluster.prepare()
        patience = asyncio.get_running_loop().time() + _LEFTOVER_SECONDS
        while True:
            try:
                await self._launch()
            except PostgresError as error:
                # After a kill -9 of the server its children need a moment to notice.
                if _LEFTOVER not in str(error) or asyncio.get_running_loop().time() > patience:
                    raise
            else:
                return

    async def _launch(self) -> None:
        with self._log.open("ab") as log:
            begin = log.tell()
            self._process = await processes.spawn(
                *(str(binaries() / "postgres"), "-D", str(self._cluster.folder), *self._options()),
                die_with=signal.SIGINT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                **self._cluster.identity(),
            )
        ended = asyncio.create_task(self._process.wait())
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not self._says_ready(self._process.pid):
                    if ended.done():
                        raise PostgresError(f"PostgreSQL did not start{self._tail(begin)}")
                    await asyncio.wait({ended}, timeout=0.02)
        except TimeoutError:
            raise PostgresError(
                f"PostgreSQL was not ready in {_START_SECONDS:.0f} s{self._tail(begin)}"
            ) from None

    async def wait(self) -> str:
        """Return when the server has ended, with what to say about it."""
        status = await self._process.wait() if self._process else None
        return f"PostgreSQL ended with status {status}{self._tail()}"

    async def stop(self) -> None:
        """Fast shutdown; immediate shutdown if that takes more than 5 s."""
        if self._process is not None:
            await processes.stop(self._process, (signal.SIGINT, 5), (signal.SIGQUIT, 3))

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "max_wal_size": "4GB",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _says_ready(self, pid: int) -> bool:
        """The server writes its state into the eighth line of this file, as pg_ctl reads it."""
        with contextlib.suppress(OSError):
            lines = (self._cluster.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
        return False

    def _tail(self, begin: int = 0) -> str:
        """The last lines of the log, of what came after byte `begin`."""
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[begin:].decode(errors="replace").splitlines()[-5:]
            return f"; the end of {self._log}:\n" + "\n".join(f"    {line}" for line in lines)
        return ""
