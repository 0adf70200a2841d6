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
    uid: int
    gid: int

    def subprocess_options(self) -> dict[str, object]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def substitute_for_root(data: Path, binaries: Path) -> SystemUser | None:
    """None for an ordinary user. For root: the owner of `data` if it exists, else the user `pgserver`, made if need be.

    Opens the way to both folders for that user: parents get o+x, nothing becomes readable.
    """
    if os.geteuid() != 0:
        return None
    user = _owner(data) or _find_or_create()
    for folder in (data, binaries):
        for parent in folder.resolve().parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)
    return user


def _owner(data: Path) -> SystemUser | None:
    status = data.stat() if data.exists() else None
    return SystemUser(status.st_uid, status.st_gid) if status and status.st_uid != 0 else None


def _find_or_create() -> SystemUser:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    try:
        subprocess.run(["useradd", "--system", "--no-create-home", NAME], check=True, capture_output=True)
        return pwd.getpwnam(NAME)
    except (OSError, subprocess.CalledProcessError, KeyError):
        return pwd.getpwnam("nobody")
