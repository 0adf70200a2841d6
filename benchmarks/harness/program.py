"""A program that is measured: a process that answers questions over pipes (benchmarks/peers/protocol.py)."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, Any, Self

from local import ROOT
from local.processes import inherited_environment

ANSWER_SECONDS = 900.0
END_SECONDS = 10.0
STDERR_CHARACTERS = 3000


class ProgramError(Exception):
    """The program ended, did not answer in time, or reported an error. The message has the end of its stderr."""


class Program:
    """`with Program("FastAPI", [python, "-m", ...], env) as peer: peer.ask(do="get", times=200)`.

    It inherits little more than PATH. PYTHONPATH is the project unless `env` sets it.
    """

    _process: "subprocess.Popen[str]"
    _stderr: IO[str]

    def __init__(self, name: str, argv: Sequence[str | os.PathLike[str]], env: Mapping[str, str]) -> None:
        self.name = name
        self._argv = argv
        self._env = inherited_environment() | {"PYTHONPATH": str(ROOT)} | dict(env)

    def __enter__(self) -> Self:
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._argv, stdin=pipe, stdout=pipe, stderr=self._stderr, text=True, cwd=ROOT, env=self._env
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._status()
        self._process.stdout.close()
        self._stderr.close()

    def ask(self, *, patience: float = ANSWER_SECONDS, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises ProgramError."""
        self.send(**command)
        return self.answer(patience)

    def send(self, **command: Any) -> None:
        """Send a command without waiting. Call `answer` before the next one."""
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._error(f"ended with status {self._status()}") from None

    def answer(self, patience: float = ANSWER_SECONDS) -> dict[str, Any]:
        assert self._process.stdout
        deadline = monotonic() + patience
        timer = threading.Timer(patience, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            late = monotonic() >= deadline
            raise self._error("did not answer in time" if late else f"ended with status {self._status()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._error(f"failed: {answer['error']}")
        return answer

    def _status(self) -> int:
        """Wait for the end, and kill the process after ten seconds."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _error(self, what: str) -> ProgramError:
        self._stderr.seek(0)
        end = self._stderr.read()[-STDERR_CHARACTERS:].strip()
        return ProgramError(f"{self.name} {what}" + (f"; it said:\n{end}" if end else ""))
