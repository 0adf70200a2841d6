import os
import pwd
import subprocess
from pathlib import Path

import pytest

from local import system_user
from local.system_user import SystemUser, substitute_for_root


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_an_ordinary_user_needs_no_substitute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert substitute_for_root(tmp_path, tmp_path) is None


@pytest.mark.usefixtures("root")
def test_the_way_to_the_data_is_opened_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_user, "_find_or_create", lambda: SystemUser(1234, 1234))
    closed = tmp_path / "closed"
    data = closed / "data"
    closed.mkdir(mode=0o700)
    user = substitute_for_root(data, tmp_path)
    assert user == SystemUser(1234, 1234)
    assert user.subprocess_options() == {"user": 1234, "group": 1234, "extra_groups": []}
    assert closed.stat().st_mode & 0o777 == 0o701


def test_data_keeps_the_owner_that_it_has(tmp_path: Path) -> None:
    owner = SystemUser(501, 20) if os.geteuid() == 0 else SystemUser(os.getuid(), tmp_path.stat().st_gid)
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
    assert system_user._find_or_create() == SystemUser(nobody.pw_uid, nobody.pw_gid)
    assert (system_user.NAME in known) == made
