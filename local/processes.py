"""Child processes that end with this process."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 5.0
# A child gets nothing else of this process's environment, above all no AWS credentials.
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


def inherited_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


async def spawn(
    *command: str, die_with: signal.Signals = signal.SIGKILL, **options: Any
) -> asyncio.subprocess.Process:
    """Start `command` in a new session, where Ctrl-C in the terminal does not reach it.

    On Linux it receives `die_with` if this process dies. Elsewhere the child has to notice.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command, start_new_session=True, preexec_fn=_die_with_parent(die_with), **options
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # asyncio would kill the process, but not its children.
        await asyncio.wait({starting})
        if starting.exception() is None:
            await stop(starting.result(), (die_with, _STOP_SECONDS))
            kill_group(starting.result())
        raise


def kill_group(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal `process` and its children, if they still exist."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def stop(process: asyncio.subprocess.Process, *signals: tuple[signal.Signals, float]) -> None:
    """Send each signal, wait the seconds beside it for the end, and finally send SIGKILL."""
    for number, seconds in signals:
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
            return
    kill_group(process)
    await process.wait()


def command_of(pid: str) -> str:
    """The command line of a process; "" if it does not exist."""
    if sys.platform == "linux":  # small images have no `ps`
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    command = ["ps", "-ww", "-p", pid, "-o", "args="]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return in_child
