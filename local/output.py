"""What the terminal shows: the steps of the start, readable lines of the functions' logs, and progress."""

import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

_BAR_WIDTH = 30
_PROGRESS_SECONDS = 5.0
_COLOURS = {"ERROR": "31", "CRITICAL": "31", "WARNING": "33", "DEBUG": "2"}
# Fields that Powertools adds to every line; only the file has them.
_HIDDEN_FIELDS = frozenset(
    "level location message timestamp service cold_start function_name function_memory_size function_arn"
    " function_request_id xray_trace_id exception exception_name stack_trace sampling_rate".split()
)
# Errors of configuration: the message is enough, only the file has the traceback.
_WITHOUT_TRACEBACK = ("[ERROR] SettingsError:", "[ERROR] SecretError:")


class Output:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._began = time.monotonic()
        self._is_stopping = False

    def line(self, text: str = "") -> None:
        # A closed terminal must not keep the stack from a clean stop.
        with contextlib.suppress(OSError):
            print(text, file=self._stream, flush=True)

    @asynccontextmanager
    async def step(self, name: str, doing: str) -> AsyncIterator[None]:
        """Announce a step, and how long it took."""
        began = time.monotonic()
        self._step(name, doing)
        yield
        self._step(name, f"ready after {time.monotonic() - began:.1f} s")

    def stopping(self) -> None:
        """Announce the stop; from now on nothing is announced as started or ready."""
        self._is_stopping = True
        self.line("\nstopping ...")

    def announce(self, text: str) -> None:
        """Print a line about the start, unless the stack is stopping already."""
        if not self._is_stopping:
            self.line(text)

    def note(self, text: str) -> None:
        """Print what happened while the stack runs."""
        self.log("stack", "", text)

    def ready(self, addresses: Mapping[str, str]) -> None:
        self.announce(f"\nReady after {time.monotonic() - self._began:.1f} s. Ctrl-C stops everything.\n")
        for name, where in addresses.items():
            self.announce(f"  {name:<16} {where}")
        self.announce("")

    def _step(self, name: str, text: str) -> None:
        elapsed = time.monotonic() - self._began
        self.announce(f"{self._paint('2', f'{elapsed:5.1f} s')}  {name:<14} {text}")

    def log(self, label: str, level: str, text: str) -> None:
        first, *rest = text.splitlines() or [""]
        self.line(
            f"{self._paint('36', f'{label:<14}')} {self._paint(_COLOURS.get(level, ''), f'{level:<7}')} {first}"
        )
        for line in rest:
            self.line(f"{'':<22} {line}")

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour and colour else text


class FunctionLog:
    """A function's log: raw lines in a file, readable lines on the terminal."""

    def __init__(self, label: str, folder: Path, output: Output) -> None:
        self._label = label
        self._output = output
        self._file = (folder / f"{label}.log").open("a", encoding="utf-8")

    def write(self, line: str) -> None:
        """Log a line as the process wrote it."""
        self.record(line)
        shown = readable(line)
        if shown is not None:
            self._output.log(self._label, *shown)

    def record(self, line: str) -> None:
        """Write to the file only."""
        self._file.write(line.replace("\r", "\n") + "\n")
        self._file.flush()

    def report(self, text: str) -> None:
        """Report a problem of the function that the stack noticed."""
        self.record(text)
        self._output.log(self._label, "ERROR", text)

    def close(self) -> None:
        self._file.close()


def readable(line: str) -> tuple[str, str] | None:
    """Level and text of a log line; None for a line that is not shown (blank, or metrics in EMF)."""
    if not line.strip():
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        # awslambdaric separates the lines of a traceback with \r and indents with no-break spaces.
        text = line.replace("\r", "\n").replace("\u00a0", " ")
        if text.startswith(_WITHOUT_TRACEBACK):  # the traceback stays in the file
            return "ERROR", text.partition("\n")[0]
        return ("ERROR", text) if text.startswith("[ERROR]") else ("INFO", text)
    if "_aws" in entry:
        return None
    return str(entry.get("level", "INFO")), _entry_text(entry)


def _entry_text(entry: dict[str, Any]) -> str:
    message = entry.get("message", "")
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    rest = (
        f"{key}={_value(value)}"
        for key, value in entry.items()
        if key not in _HIDDEN_FIELDS and value is not None
    )
    text = "  ".join((text, *rest))
    return f"{text}\n{entry['exception']}" if entry.get("exception") else text


def _value(value: Any) -> str:
    if isinstance(value, str) and value and not any(character in value for character in ' "=\n'):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


class Progress:
    """Progress of a long task: a bar on a terminal, elsewhere a line every five seconds."""

    def __init__(self, total: int, unit: str, stream: TextIO | None = None) -> None:
        self._total = total
        self._unit = unit
        self._stream = stream or sys.stdout
        self._bar = self._stream.isatty()
        self._began = time.monotonic()
        self._last_line = self._began

    def update(self, done: int) -> None:
        now = time.monotonic()
        finished = done >= self._total
        if self._bar:
            print(
                f"\r{self._drawn(done)}{self._figures(done, now)}",
                end="\n" if finished else "",
                file=self._stream,
            )
        elif finished or now - self._last_line >= _PROGRESS_SECONDS:
            self._last_line = now
            print(self._figures(done, now), file=self._stream)
        self._stream.flush()

    def _drawn(self, done: int) -> str:
        filled = _BAR_WIDTH * done // self._total
        return f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] "

    def _figures(self, done: int, now: float) -> str:
        elapsed = max(now - self._began, 1e-6)
        rate = done / elapsed
        left = (self._total - done) / rate if rate else 0.0
        when = f"done in {elapsed:.1f} s" if done >= self._total else f"{left:.0f} s left "
        return f"{done:,} of {self._total:,} {self._unit}, {rate:,.0f}/s, {when}"
