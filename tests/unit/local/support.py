"""Helpers for the tests of the local stack."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from tests.support.stack_process import DEADLINE_SECONDS

T = TypeVar("T")

FIXTURE = Path(__file__).parent / "fixture"
TEMPLATE = FIXTURE / "template.yaml"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine. Fails if it does not come to an end."""

    async def limited() -> T:
        async with asyncio.timeout(DEADLINE_SECONDS * 2):
            return await work

    return asyncio.run(limited())


async def eventually(look: Callable[[], Any], good: Callable[[Any], Any] = bool) -> Any:
    """As `until`, without blocking the event loop; `look` may be asynchronous."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        seen = look()
        if inspect.isawaitable(seen):
            seen = await seen
        if good(seen):
            return seen
        assert time.monotonic() < deadline, f"not in {DEADLINE_SECONDS} s: {seen}"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter if it ends between opening and reading
        return False


class FakeLog:
    """A function's log in memory."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.recorded: list[str] = []
        self.reported: list[str] = []

    def write(self, line: str) -> None:
        self.shown.append(line)

    def record(self, line: str) -> None:
        self.recorded.append(line)

    def report(self, text: str) -> None:
        self.reported.append(text)
