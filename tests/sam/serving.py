"""`sam local start-api` and `start-lambda` in a process of its own, with the containers it starts."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sam.backing import Backing
from tests.sam.template import ROOT
from tests.support.ports import free_ports

READY_SECONDS = 60
STOP_SECONDS = 60


@dataclass(frozen=True)
class Serving:
    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def containers(self) -> list[str]:
        """Every container that was ever started; a warm one is started once."""
        return re.findall(r"SAM_CONTAINER_ID: (\w+)", self.log.read_text(errors="replace"))


@contextmanager
def serving(command: str, backing: Backing, log: Path) -> Iterator[Serving]:
    """`sam local <command>` as samconfig.toml has it, but on a free port and with these services.

    It has to stop when it is asked to, and to leave no container behind.
    """
    found = Serving(free_ports(), log)
    options = ["--port", str(found.port), "--env-vars", str(backing.environment)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [os.environ.get("SAM", "sam"), "local", command, *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(found, process)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
    assert _existing(found.containers) == set()


def _wait(found: Serving, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", found.port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"sam does not listen:\n{found.log.read_text(errors='replace')}")


def _existing(containers: list[str]) -> set[str]:
    """Those that are still there, stopped ones too."""
    listed = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--no-trunc"], capture_output=True, text=True, check=True
    )
    return set(containers) & set(listed.stdout.split())
