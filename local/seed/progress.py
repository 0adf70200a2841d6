"""How far a long piece of work is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import TextIO

_WIDTH = 30
_LINE_EVERY_SECONDS = 5.0


class Progress:
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
        elif finished or now - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = now
            print(self._figures(done, now), file=self._stream)
        self._stream.flush()

    def _drawn(self, done: int) -> str:
        filled = _WIDTH * done // self._total
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] "

    def _figures(self, done: int, now: float) -> str:
        elapsed = max(now - self._began, 1e-6)
        rate = done / elapsed
        left = (self._total - done) / rate if rate else 0.0
        when = f"done in {elapsed:.1f} s" if done >= self._total else f"{left:.0f} s left "
        return f"{done:,} of {self._total:,} {self._unit}, {rate:,.0f}/s, {when}"
