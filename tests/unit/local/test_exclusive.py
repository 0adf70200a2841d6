import socket
from pathlib import Path

import pytest

from local.cli import main
from local.environment import Ports
from local.exclusive import Refused, check_ports
from tests.support.ports import free_ports


@pytest.mark.parametrize(("offset", "purpose"), [(0, "HTTP API"), (1, "PostgreSQL"), (2, "AWS"), (3, "SMTP")])
def test_a_taken_port_is_named_with_its_purpose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], offset: int, purpose: str
) -> None:
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + offset)):
        assert main(["up", "--port", str(port), "--data", str(tmp_path)]) == 2
    said, shown = capsys.readouterr()
    assert said == "" and shown.count("\n") == 1
    assert shown.startswith(f"slowmatch: port {port + offset}")
    assert purpose in shown and "make run PORT=" in shown


@pytest.mark.parametrize("port", ["", "abc", "-5", "0", "65536", "8080.5", "²"])
def test_what_is_no_port_is_said_with_what_is_one(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["up", "--port", port])
    assert f"{port!r} is not a port from 1 to 65535, such as 9000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "name", "value", "said"),
    [
        ("up", "POWERTOOLS_LOG_LEVEL", "loud", "'loud': must be one of DEBUG, INFO, WARNING, ERROR"),
        ("up", "AUTH", "none", "AUTH is 'none'"),
        ("services", "AUTH", "oidc", "AUTH=oidc needs a provider"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert main([command, "--data", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_ports_end_at_65535() -> None:
    with pytest.raises(Refused, match="between 1 and 65535"):
        check_ports(Ports(65533))


@pytest.mark.parametrize("first", [10080, 10076])
def test_a_port_that_browsers_block_is_said(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "bind", lambda *_: None)  # others may hold the ports before it
    with pytest.raises(Refused, match=r"port 10080, needed for .*, is one that browsers refuse to open"):
        check_ports(Ports(first), provider=True)


def test_a_port_for_root_only_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(
        Refused, match=r"port 80 on .* is reserved for root; choose one above 1023: make run PORT="
    ):
        check_ports(Ports(80))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["up", "--data", str(file / "data")]) == 2
    assert str(file) in capsys.readouterr().err
