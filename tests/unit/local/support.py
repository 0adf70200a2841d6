"""Helpers for the tests of the local stack."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FIXTURE = Path(__file__).parent / "fixture"
TEMPLATE = FIXTURE / "template.yaml"
DEADLINE_SECONDS = 60
"""When a test gives up waiting: long enough for a machine that runs other tests beside it."""


def run(work: Coroutine[Any, Any, T], seconds: float = DEADLINE_SECONDS * 2) -> T:
    """Run a test's coroutine. Fails if it takes longer than `seconds`."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())


def until(look: Callable[[], T], good: Callable[[T], Any] = bool, seconds: float = DEADLINE_SECONDS) -> T:
    """Call `look` until `good` accepts its value, and return it. A failure shows the last value."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {seen}"
        time.sleep(0.02)
    return seen


async def eventually(
    look: Callable[[], T], good: Callable[[T], Any] = bool, seconds: float = DEADLINE_SECONDS
) -> T:
    """As `until`, without blocking the event loop."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {seen}"
        await asyncio.sleep(0.02)
    return seen


async def settled(
    look: Callable[[], Awaitable[T]], good: Callable[[T], Any], seconds: float = DEADLINE_SECONDS
) -> T:
    """As `eventually`, with an asynchronous `look`."""
    deadline = time.monotonic() + seconds
    while not good(seen := await look()):
        assert time.monotonic() < deadline, f"not in {seconds} s: {seen}"
        await asyncio.sleep(0.02)
    return seen


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
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
