"""What a handler is given: its payload and settings, a log, progress, and checkpoints that stop it."""

import logging
import time
from collections import deque
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from slowmatch import telemetry
from slowmatch.aws import secrets
from slowmatch.db import Connection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.reports import Reports, checkpoint
from slowmatch.jobs.worker.time_left import TimeLeft
from slowmatch.settings import settings as stack_settings
from slowmatch.text import clean

FLUSH_SECONDS = 1.0
"""How often progress and log lines are written, at most, while a handler only reports."""
MAX_FIRST_LINES = 800
MAX_LAST_LINES = 200
MAX_LINE_CHARACTERS = 4_000


class Cancelled(Exception):
    """The run was stopped, or another worker has it: the handler has to stop."""


class Continue:
    """Returned by a handler that wants to continue in a later invocation, with what it has to remember."""

    def __init__(self, cursor: dict[str, Any] | None = None) -> None:
        self.cursor = cursor or {}


class Context:
    """One attempt, as its handler sees it.

    `payload` has the run's payload, and the defaults of the fields that it leaves out. `settings` are the job's
    settings, `config` those of the whole stack. Times are aware: `now` is the start of the attempt, `began` that of
    the run's first attempt since it was last requeued.
    """

    def __init__(
        self,
        con: Connection,
        job: Job,
        claimed: ClaimedAttempt,
        *,
        settings: dict[str, Any],
        time_left: TimeLeft,
        has_own_logger: bool = False,
    ) -> None:
        self.con = con
        self.job = job
        self.claimed = claimed
        # Copies, so that a handler that changes them does not change those of the next run.
        self.payload = {**deepcopy(job.defaults), **claimed.payload}
        self.settings = deepcopy(settings)
        self.config = stack_settings()
        self.cursor = claimed.cursor
        self.attempt = claimed.attempt
        self.run_id = claimed.run_id
        self.occurrence = claimed.occurrence
        self.began = claimed.run_started_at
        self.now = claimed.started_at
        self.log = RunLog(con)
        self.logger = self._own_logger() if has_own_logger else telemetry.log
        self._time_left = time_left
        self._progress: dict[str, Any] | None = None
        self._flushed_at = time.monotonic()

    def secret(self, name: str) -> str:
        """The text of the secret that the setting `name` names. Raises KeyError and SecretError."""
        return secrets.text(f"{self.config.stack_name}/jobs/{self.job.name}/{self.settings[name]}")

    def progress(self, done: float, total: float | None = None) -> None:
        """Report `done` of `total` (None if unknown). It is written at most once a second.

        Raises TypeError for anything but numbers.
        """
        for name, value in (("done", done), ("total", total)):
            if not isinstance(value, int | float | None):
                raise TypeError(f"progress: {name} must be a number, not {type(value).__name__}")
        self._progress = {"done": done, "total": total}
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def checkpoint(self) -> bool:
        """Whether time is nearly up, so that the handler should return `Continue`. Raises Cancelled."""
        if not self.flush():
            raise Cancelled(f"run {self.run_id} was stopped or taken over")
        return self._time_left.is_nearly_up

    def seconds_left(self) -> float:
        """How long something may take now, at most, so that time is left to write the result."""
        return self._time_left.seconds_for_work

    def flush(self) -> bool:
        """Write progress and log lines; False if the attempt is no longer ours."""
        reports = self.take_reports(is_over=False)
        self._flushed_at = time.monotonic()
        return checkpoint(self.con, self.claimed, reports)

    def _own_logger(self) -> logging.Logger:
        """A logger of this run alone, for the handlers of several runs at once. CloudWatch has its lines, too."""
        logger = logging.Logger("run")  # noqa: LOG001 - getLogger would keep it for ever
        logger.parent = telemetry.log
        logger.addHandler(self.log)
        logger.addFilter(self._name_run)
        return logger

    def _name_run(self, record: logging.LogRecord) -> bool:
        record.__dict__.update(run_id=self.run_id, attempt=self.attempt)
        return True

    def take_reports(self, *, is_over: bool) -> Reports:
        """Progress and log lines that are not written yet. If the attempt `is_over`, all of them."""
        progress, self._progress = self._progress, None
        return Reports(progress=progress, lines=self.log.take(is_over=is_over))


class RunLog(logging.Handler):
    """Collects the log lines of an attempt for the database. CloudWatch has all of them.

    The first 800 are written as they come, the last 200 when the attempt ends. Those between are left out, so that
    one attempt fills neither the memory nor the database.
    """

    def __init__(self, con: Connection) -> None:
        super().__init__()
        self._con = con
        self._lines: list[dict[str, str]] = []
        self._last: deque[dict[str, str]] = deque(maxlen=MAX_LAST_LINES)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.add(record.levelname, record.getMessage())
        except Exception:  # noqa: BLE001 - a line that cannot be formatted does not fail the attempt
            self.handleError(record)

    def add(self, level: str, message: str) -> None:
        at = (datetime.now(UTC) + self._con.clock_offset).isoformat()
        line = {"at": at, "level": level, "message": clean(message, MAX_LINE_CHARACTERS)}
        self._count += 1
        if self._count <= MAX_FIRST_LINES:
            self._lines.append(line)
            return
        if self._count == MAX_FIRST_LINES + 1:
            note = (
                f"This attempt has logged {MAX_FIRST_LINES:,} lines. Of any further lines, only the last"
                f" {MAX_LAST_LINES:,} are added here when it ends. The full log is in CloudWatch."
            )
            self._lines.append({"at": at, "level": "INFO", "message": note})
        self._last.append(line)

    def take(self, *, is_over: bool) -> list[dict[str, str]]:
        """The lines to write now. If the attempt `is_over`, its last lines are among them."""
        lines, self._lines = self._lines, []
        if is_over and self._last:
            left_out = self._count - MAX_FIRST_LINES - len(self._last)
            if left_out:
                note = f"Lines omitted here: {left_out:,}."
                lines.append({"at": self._last[0]["at"], "level": "INFO", "message": note})
            lines += self._last
            self._last.clear()
        return lines
