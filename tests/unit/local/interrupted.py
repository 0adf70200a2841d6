"""Runs the stack and interrupts it at a chosen line: `python -m tests.unit.local.interrupted SIGNAL LINE ARGUMENTS`.

As soon as `python -m local ARGUMENTS` prints a text that the pattern LINE matches, SIGNAL goes to its process
group, as a terminal sends it.
"""

import io
import os
import re
import runpy
import signal
import sys


class Interrupting(io.StringIO):
    """Standard output that sends the signal, once."""

    def __init__(self, number: signal.Signals, line: str) -> None:
        super().__init__()
        self._number = number
        self._line: str | None = line

    def write(self, text: str) -> int:
        if self._line is not None and re.search(self._line, text):
            self._line = None
            os.killpg(0, self._number)
        return sys.__stdout__.write(text) if sys.__stdout__ else 0

    def flush(self) -> None:
        if sys.__stdout__:
            sys.__stdout__.flush()


if __name__ == "__main__":
    sys.stdout = Interrupting(signal.Signals[sys.argv[1]], sys.argv[2])
    del sys.argv[1:3]
    runpy.run_module("local", run_name="__main__", alter_sys=True)
