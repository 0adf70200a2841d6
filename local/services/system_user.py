"""PostgreSQL refuses to run as root: the ordinary user that takes its place then."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "pgserver"


@dataclass(frozen=True)
class SystemUser:
    name: str
    uid: int
    gid: int

    def subprocess_options(self) -> dict[str, object]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def substitute_for_root(data: Path) -> SystemUser | None:
    """None for an ordinary user. For root the owner of `data`, or else the user `pgserver`, made if need be."""
    if os.geteuid() != 0:
        return None
    return _owner(data) or _find_or_create()


def open_way(data: Path, installation: Path) -> list[Path]:
    """Let other users reach `data` and run what is in `installation`. Returns the folders on the way it changed.

    Those get o+x: they can be passed, and are no more readable than before.
    """
    way = [parent for folder in (data, installation) for parent in folder.resolve().parents]
    closed = [parent for parent in dict.fromkeys(way) if not _allow(parent, stat.S_IXOTH)]
    if not installation.stat().st_mode & stat.S_IROTH:  # a umask of 077 made it root's alone
        for path in (installation, *installation.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))
    return closed


def _allow(path: Path, bits: int) -> bool:
    """Whether it was allowed already; if not it is now."""
    mode = path.stat().st_mode
    if mode & bits == bits:
        return True
    path.chmod(mode | bits)
    return False


def _owner(data: Path) -> SystemUser | None:
    status = data.stat() if data.exists() else None
    return (
        SystemUser(f"user {status.st_uid}", status.st_uid, status.st_gid)
        if status and status.st_uid != 0
        else None
    )


def _find_or_create() -> SystemUser:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", NAME],
            check=True,
            capture_output=True,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )
        return pwd.getpwnam(NAME)
    except (OSError, subprocess.CalledProcessError, KeyError):
        return pwd.getpwnam("nobody")
