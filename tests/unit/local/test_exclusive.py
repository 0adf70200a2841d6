import socket
from pathlib import Path

import pytest

from local.cli import main
from local.environment import Ports
from local.exclusive import FolderLock, Refused, check_ports
from tests.support.ports import free_ports


@pytest.mark.parametrize(("offset", "purpose"), [(0, "HTTP API"), (1, "PostgreSQL"), (2, "AWS"), (3, "SMTP")])
def test_a_taken_port_is_named_with_its_purpose_and_what_to_do(offset: int, purpose: str) -> None:
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + offset)), pytest.raises(Refused) as refused:
        check_ports(Ports(port))
    text = str(refused.value)
    assert f"port {port + offset}" in text
    assert purpose in text
    assert "make run PORT=" in text


def test_free_ports_are_fine() -> None:
    check_ports(Ports(free_ports()))


@pytest.mark.parametrize("port", [0, 65533, 70000])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(Refused, match="between 1 and 65535"):
        check_ports(Ports(port))


def test_the_command_says_it_in_one_line_and_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports()
    with socket.create_server(("127.0.0.1", port)):
        assert main(["up", "--port", str(port), "--data", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"slowmatch: port {port}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("port", ["", "abc", "-5", "0", "65536", "8080.5", "²"])
def test_what_is_no_port_is_said_with_what_is_one(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["up", "--port", port])
    assert f"{port!r} is not a port from 1 to 65535, such as 9000" in capsys.readouterr().err


def test_a_level_of_the_log_that_there_is_not_is_said_with_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "loud")
    assert main(["up", "--data", str(tmp_path)]) == 2
    assert (
        "POWERTOOLS_LOG_LEVEL is 'loud': must be one of DEBUG, INFO, WARNING, ERROR"
        in capsys.readouterr().err
    )


def test_a_port_for_root_only_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(
        Refused, match=r"port 80 on .* is reserved for root; choose one above 1023: make run PORT="
    ):
        check_ports(Ports(80))


def test_one_folder_has_one_stack(tmp_path: Path) -> None:
    import os

    first = FolderLock(tmp_path)
    with pytest.raises(Refused, match=f"process {os.getpid()}"):
        FolderLock(tmp_path)
    first.release()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["up", "--data", str(file / "data")]) == 2
    assert str(file) in capsys.readouterr().err
