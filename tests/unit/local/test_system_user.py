import os
import pwd
import subprocess
from pathlib import Path

import pytest

from local.services import system_user
from local.services.system_user import SystemUser, open_way, substitute_for_root


@pytest.mark.parametrize(("uid", "substituted"), [(0, True), (1000, False)])
def test_only_root_needs_a_substitute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, substituted: bool
) -> None:
    user = SystemUser("pgserver", 1234, 1235)
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(system_user, "_find_or_create", lambda: user)
    assert substitute_for_root(tmp_path / "missing") == (user if substituted else None)
    assert user.subprocess_options() == {"user": 1234, "group": 1235, "extra_groups": []}


def test_the_way_to_the_data_is_opened_and_nothing_more(tmp_path: Path) -> None:
    closed, installation = tmp_path / "closed", tmp_path / "installation"
    closed.mkdir(mode=0o700)
    installation.mkdir(mode=0o755)
    assert closed in open_way(closed / "data", installation)
    assert closed.stat().st_mode & 0o777 == 0o701
    assert open_way(closed / "data", installation) == []


def test_an_installation_that_only_root_could_read_becomes_readable(tmp_path: Path) -> None:
    program, library = tmp_path / "postgres", tmp_path / "libpq.so"
    for file, mode in ((program, 0o700), (library, 0o600), (tmp_path, 0o700)):
        file.touch()
        file.chmod(mode)
    open_way(tmp_path / "data", tmp_path)
    assert [file.stat().st_mode & 0o777 for file in (tmp_path, program, library)] == [0o705, 0o705, 0o604]


def test_data_keeps_the_owner_that_it_has(tmp_path: Path) -> None:
    owner = (
        SystemUser("user 501", 501, 20)
        if os.geteuid() == 0
        else SystemUser(f"user {os.getuid()}", os.getuid(), tmp_path.stat().st_gid)
    )
    os.chown(tmp_path, owner.uid, owner.gid)
    assert system_user._owner(tmp_path) == owner
    assert system_user._owner(tmp_path / "missing") is None


@pytest.mark.parametrize("made", [True, False])
def test_the_user_is_made_if_possible_and_else_nobody_does_it(
    monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    known: dict[str, str] = {"nobody": "nobody"}

    def make(command: list[str], **_: object) -> None:
        if not made:
            raise subprocess.CalledProcessError(1, command)
        known[command[-1]] = command[-1]

    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr("subprocess.run", make)
    monkeypatch.setattr("pwd.getpwnam", lambda name: nobody if known[name] else None)
    assert system_user._find_or_create() == SystemUser("nobody", nobody.pw_uid, nobody.pw_gid)
    assert (system_user.NAME in known) == made
