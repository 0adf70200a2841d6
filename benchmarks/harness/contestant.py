"""A contestant: a process of its own that is asked over pipes, and whose last words are shown when it dies."""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Self

from local import ROOT
from local.processes import inherited_environment

PATIENCE_SECONDS = 900.0
_GOODBYE_SECONDS = 10.0
_LAST_WORDS = 3000


class ContestantError(Exception):
    """A contestant died, was silent for too long, or says that it failed; its stderr is in the message."""


class Contestant:
    """`with Contestant("fastapi", [python, "-m", ...], env) as peer: peer.ask(do="get", times=200)`.

    Of this process's environment it gets little more than PATH; PYTHONPATH is the project unless `env` says.
    """

    def __init__(self, name: str, argv: Sequence[str | os.PathLike[str]], env: Mapping[str, str]) -> None:
        self.name = name
        self._argv = [os.fspath(word) for word in argv]
        self._env = inherited_environment() | {"PYTHONPATH": str(ROOT)} | dict(env)
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process)
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            cwd=ROOT,
            env=self._env,
        )
        return self

    @property
    def pid(self) -> int:
        return self._live().pid

    def ask(self, *, patience: float = PATIENCE_SECONDS, **command: Any) -> dict[str, Any]:
        """Its answer. Raises ContestantError."""
        self.send(**command)
        return self.answer(patience)

    def send(self, **command: Any) -> None:
        """Ask without waiting; `answer` is to be called before the next question."""
        stdin = self._live().stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(command).encode() + b"\n")
        except BrokenPipeError:
            raise self._error("ended") from None

    def answer(self, patience: float = PATIENCE_SECONDS) -> dict[str, Any]:
        line = self._line(time.monotonic() + patience)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise self._error(f"failed: {answer['error']}")
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._live().stdin, self._live().stdout):
            if stream is not None:
                stream.close()
        self._ended(_GOODBYE_SECONDS if kind is None else 0.1)
        self._stderr.close()

    def _ended(self, patience: float = _GOODBYE_SECONDS) -> int:
        """Its status; after so many seconds it is killed."""
        process = self._live()
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _line(self, deadline: float) -> bytes:
        stdout = self._live().stdout
        assert stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise self._error("did not answer in time")
            if not (part := os.read(stdout.fileno(), 65536)):
                raise self._error("ended")
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _error(self, what: str) -> ContestantError:
        if what == "ended":
            what = f"ended with status {self._ended()}"
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace")[-_LAST_WORDS:].strip()
        return ContestantError(f"{self.name} {what}" + (f"; it said:\n{said}" if said else ""))

    def _live(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ContestantError(f"{self.name} was not started")
        return self._process
