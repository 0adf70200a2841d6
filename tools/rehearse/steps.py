"""Prints the steps of the rehearsal, waits with a limit, and compares."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from local.errors import StackError

T = TypeVar("T")


class RehearsalFailed(StackError):
    """Something does not work; the message says what."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print a step and its duration. Errors inside get the step's name."""
    began = time.monotonic()
    if sys.stdout.isatty():
        print(f"         {name} ...", end="\r", flush=True)
    try:
        yield
    except StackError as error:
        raise RehearsalFailed(f"{name}: {error}") from error
    except Exception as error:
        raise RehearsalFailed(f"{name}: {type(error).__name__}: {error}") from error
    print(f"{time.monotonic() - began:6.1f} s {name}    ", flush=True)


async def until(what: str, look: Callable[[], T | None], seconds: float) -> T:
    """Call `look` until it finds something. Raises RehearsalFailed after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise RehearsalFailed(f"{what}: has not happened after {seconds:.0f} s")
        await asyncio.sleep(0.2)
    return found


def expect(what: str, found: object, wanted: object) -> None:
    """Raise RehearsalFailed unless they are equal."""
    if found != wanted:
        raise RehearsalFailed(f"{what}: expected {wanted!r}, found {found!r}")
