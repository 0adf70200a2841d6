import fcntl
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from local.services import postgres_server
from local.services.postgres_server import SUBSTITUTE_USER, SystemUser, make_reachable, substitute_for_root

NOBODY = pwd.getpwnam("nobody")


def test_only_root_needs_a_substitute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert substitute_for_root(tmp_path / "missing") is None


def test_the_way_to_the_data_is_opened_and_nothing_more(tmp_path: Path) -> None:
    closed, installation = tmp_path / "closed", tmp_path / "installation"
    closed.mkdir(mode=0o700)
    installation.mkdir(mode=0o755)
    assert closed in make_reachable(closed / "data", installation)
    assert closed.stat().st_mode & 0o777 == 0o701
    assert make_reachable(closed / "data", installation) == []


def test_an_installation_that_only_root_could_read_becomes_readable(tmp_path: Path) -> None:
    program, library = tmp_path / "postgres", tmp_path / "libpq.so"
    for file, mode in ((program, 0o700), (library, 0o600), (tmp_path, 0o700)):
        file.touch()
        file.chmod(mode)
    make_reachable(tmp_path / "data", tmp_path)
    assert [file.stat().st_mode & 0o777 for file in (tmp_path, program, library)] == [0o705, 0o705, 0o604]


def test_data_keeps_the_owner_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    uid, gid = (501, 20) if os.getuid() == 0 else (os.getuid(), tmp_path.stat().st_gid)
    os.chown(tmp_path, uid, gid)
    assert substitute_for_root(tmp_path) == SystemUser(f"user {uid}", uid, gid)


@pytest.fixture
def known_users(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As root: the names of this machine's users, all with the same numbers."""
    known = ["nobody"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(postgres_server, "_has_user", known.__contains__)
    monkeypatch.setattr("pwd.getpwnam", lambda name: pwd.struct_passwd((name, *NOBODY[1:])))
    return known


@pytest.mark.parametrize(("created", "name"), [(True, SUBSTITUTE_USER), (False, "nobody")])
def test_the_substitute_is_created_if_possible_and_else_it_is_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_users: list[str], created: bool, name: str
) -> None:
    def useradd(command: list[str], **_: object) -> None:
        if not created:
            raise subprocess.CalledProcessError(1, command)
        known_users.append(command[-1])

    monkeypatch.setattr("subprocess.run", useradd)
    found = substitute_for_root(tmp_path / "missing")
    assert found == SystemUser(name, NOBODY.pw_uid, NOBODY.pw_gid)


def test_a_substitute_that_another_process_creates_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_users: list[str]
) -> None:
    def wait(_: int, operation: int) -> None:
        assert operation == fcntl.LOCK_EX
        known_users.append(SUBSTITUTE_USER)

    monkeypatch.setattr("fcntl.flock", wait)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("created twice"))
    found = substitute_for_root(tmp_path / "missing")
    assert found == SystemUser(SUBSTITUTE_USER, NOBODY.pw_uid, NOBODY.pw_gid)
