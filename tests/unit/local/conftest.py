"""Coroutines as tests, and a moto server for the tests that need AWS."""

import inspect
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT
from local.template import reader
from local.template.model import Template
from tests.support.ports import free_ports
from tests.support.stack_process import until
from tests.unit.local.support import TEMPLATE, run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, with a limit of time."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running moto server, whose mail goes to the folder `outbox` below the base folder."""
    outbox = tmp_path_factory.getbasetemp() / "outbox"
    outbox.mkdir()
    port = free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", "local.services.moto_server", str(port), str(outbox)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        env={"PATH": "", "MOTO_ACCOUNT_ID": "000000000000"},
    )
    try:
        until(lambda: process.poll() is None and _answers(port))
        yield port
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="session")
def tiny() -> Template:
    """The template of the fixture folder."""
    return reader.read(TEMPLATE, aws_port=1)


@pytest.fixture
def outbox_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
