"""Progress on the terminal, waiting with a limit, and how a rehearsal fails."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from local.errors import StackError

T = TypeVar("T")


class RehearsalFailed(StackError):
    """Something did not work as it must; the message says what."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is being done, and what it took. What fails inside fails with the step's name."""
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
    """What `look` finds, asked again and again. Raises RehearsalFailed after that time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise RehearsalFailed(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.2)
    return found


def expect(what: str, found: object, wanted: object) -> None:
    """Raise RehearsalFailed unless they are equal."""
    if found != wanted:
        raise RehearsalFailed(f"{what}: {wanted!r} was expected, and it is {found!r}")
