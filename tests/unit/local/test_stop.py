"""A stack that is stopped while it starts: it ends at once, says so last, and leaves no process."""

import argparse
import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from local import cli, processes
from local.environment import Folders, Ports
from local.errors import StackError
from tests.support.stack_process import DEADLINE_SECONDS, Stack, start, until
from tests.unit.local.support import TEMPLATE, alive, eventually

LAST_LINES = "stopping ...\nstopped\n"


def stopped(stack: Stack) -> str:
    """Wait for the end of a stopping stack. Returns its output."""
    assert stack.process.wait(DEADLINE_SECONDS) == 0, stack.log.read_text()
    assert left(stack.data.parent) == []
    return stack.log.read_text()


def left(home: Path) -> list[str]:
    """The command lines of processes that a stack with this HOME has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:  # it has ended
            continue
        if str(home).encode() in command + environment:
            found.append(command.decode().replace("\0", " "))
    return found


@pytest.mark.parametrize(
    "line",
    [
        "Slowmatch on this machine",
        r"PostgreSQL +starting",
        r"SMTP +ready",
        r"AWS \(moto\) +ready",
        r"PostgreSQL +ready",
        "applying migrations",
        r"Gateway +starting",
        "sending the messages of waiting runs",
        r"Queues +ready",
        "Ready after",
    ],
)
def test_an_interrupted_start_is_a_clean_stop(tmp_path: Path, line: str) -> None:
    program = ("tests.unit.local.interrupted", "SIGINT", line)
    stack = start(tmp_path / "data", template=TEMPLATE, program=program, HOME=str(tmp_path))
    shown = stopped(stack)
    assert shown.endswith(LAST_LINES) and "Traceback" not in shown


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_stop_a_start_too(tmp_path: Path, name: str) -> None:
    program = ("tests.unit.local.interrupted", name, r"SMTP +ready")
    stack = start(tmp_path / "data", "services", program=program, HOME=str(tmp_path))
    assert stopped(stack).endswith(LAST_LINES)


def test_a_half_made_database_is_not_in_the_way(tmp_path: Path) -> None:
    stack = start(tmp_path / "data", "services", HOME=str(tmp_path))
    # It has its final name a second later, which may be before anybody looks.
    until(lambda: list((tmp_path / "data").glob("postgres*/PG_VERSION")))
    os.killpg(stack.process.pid, signal.SIGINT)  # as the terminal does
    assert stopped(stack).endswith(LAST_LINES)
    assert not (tmp_path / "data" / "postgres.pwfile").exists()

    again = start(tmp_path / "data", "services", HOME=str(tmp_path)).ready()
    assert again.stop() == 0


async def test_a_cancelled_start_of_a_process_leaves_nothing_that_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {file}.new; mv {file}.new {file}; wait"
    starting = asyncio.create_task(processes.spawn("sh", "-c", script))
    for _ in range(2):  # the process exists, but nobody knows yet
        await asyncio.sleep(0)
    pid = int(until(lambda: file.exists() and file.read_text()))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await eventually(lambda: not alive(pid))


def test_a_server_that_ends_with_the_stop_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            raise StackError("AWS (moto) ended")

    handlers = {number: signal.getsignal(number) for number in cli.STOP_SIGNALS}
    monkeypatch.setattr(cli, "_run", fail)
    try:
        folders = Folders(tmp_path)
        assert asyncio.run(cli._until_stopped(argparse.Namespace(), Ports(8080), folders)) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().out == "\nstopping ...\nslowmatch: AWS (moto) ended\nstopped\n"
