import io
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from local.environment import Folders, Ports
from local.errors import StackError
from local.output import Output
from local.seed import offer
from tests.unit.local.support import run

PORTS = Ports(8080)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Ports]:
    """Where records were loaded, in a database that is empty."""
    calls: list[Ports] = []

    def load(ports: Ports, _: Folders) -> int:
        calls.append(ports)
        return 117

    monkeypatch.setattr(offer, "_is_empty", lambda *_: True)
    monkeypatch.setattr(offer, "_load", load)
    return calls


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Write to it what the person at the terminal types."""
    person, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield person
    os.close(person)


def offered(folder: Path) -> str:
    stream = io.StringIO()
    run(offer.offer_records(PORTS, Folders(folder), Output(stream)))
    return stream.getvalue()


@pytest.mark.parametrize(("typed", "wanted"), [(b"\n", True), (b"Yes\n", True), (b"n\n", False)])
def test_the_person_at_the_terminal_is_asked_once(
    tmp_path: Path, loaded: list[Ports], keyboard: int, typed: bytes, wanted: bool
) -> None:
    os.write(keyboard, typed)
    shown = offered(tmp_path)
    assert "[Y/n]" in shown
    assert bool(loaded) == wanted
    assert ("117 records loaded" in shown) == wanted
    again = offered(tmp_path)
    assert "[Y/n]" not in again
    assert "make seed" in again


def test_without_a_terminal_it_is_only_said(
    tmp_path: Path, loaded: list[Ports], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "make seed" in offered(tmp_path)
    assert loaded == []


@pytest.mark.parametrize("answer", [{"return_value": False}, {"side_effect": StackError("no")}], ids=str)
def test_nothing_is_said_without_a_database_known_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(offer, "_is_empty", Mock(**answer))
    assert offered(tmp_path) == ""
