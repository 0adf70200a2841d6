"""What a handler is given: its payload, a log, progress, and a way to hear that it should stop."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slowmatch import telemetry
from slowmatch.aws import secrets
from slowmatch.db import Connection
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.lifecycle import finish
from slowmatch.jobs.worker.run_log import AttemptLog, Line
from slowmatch.settings import settings

FLUSH_SECONDS = 1.0
"""How often, at most, progress and log lines are written while a handler only reports."""


class Cancelled(Exception):
    """The run was deleted, or the attempt is no longer this worker's: the handler has to stop."""


class Continue:
    """Returned by a handler that wants to go on in a next invocation, with what it has to remember."""

    def __init__(self, cursor: dict[str, Any] | None = None) -> None:
        self.cursor = cursor or {}


class Context:
    """One attempt, as its handler sees it.

    `payload` has what the run was given and the defaults of the rest, `settings` the job's own settings, and
    `config` those of the whole stack.
    """

    def __init__(
        self,
        con: Connection,
        job: Job,
        claim: claims.ClaimedAttempt,
        remaining_ms: Callable[[], int],
        own_settings: dict[str, Any],
    ) -> None:
        self.con = con
        self.job = job
        self.claim = claim
        self.logger = telemetry.log
        self.payload = job.with_defaults(claim.payload)
        self.settings = own_settings
        self.config = settings()
        self.cursor = claim.cursor
        self.attempt = claim.attempt
        self.run_id = claim.run_id
        self.occurrence = claim.occurrence
        self.began = claim.began_at
        self.now = claim.started_at
        self._remaining_ms = remaining_ms
        self._reserve_ms = min(30_000, remaining_ms() // 5)
        self._finish_ms = min(5_000, remaining_ms() // 10)
        self._progress: dict[str, Any] | None = None
        self._log = AttemptLog()
        self._flushed_at = time.monotonic()

    def secret(self, name: str) -> str:
        """The text of the secret that the setting `name` names. Raises KeyError and SecretError."""
        return secrets.text(f"{self.config.stack_name}/jobs/{self.job.name}/{self.settings[name]}")

    def progress(self, done: float, total: float | None = None) -> None:
        """Report `done` of `total` (None when unknown); written at most once a second.

        Raises TypeError for what is not a number, such as the list of what was done.
        """
        for name, value in (("done", done), ("total", total)):
            if not isinstance(value, int | float | None):
                raise TypeError(f"progress: {name} must be a number, not {type(value).__name__}")
        self._progress = {"done": done, "total": total}
        self._flush_sometimes()

    def checkpoint(self) -> bool:
        """Whether time is nearly up, so that the handler should return `Continue`. Raises Cancelled."""
        if not self.flush():
            raise Cancelled(f"run {self.run_id} was deleted or taken over")
        return self._remaining_ms() <= self._reserve_ms

    def seconds_left(self) -> float:
        """The longest that something may take now, so that there is time left to write down how it ended."""
        return (self._remaining_ms() - self._finish_ms) / 1000

    def flush(self, *, is_over: bool = False) -> bool:
        """Write what was reported; False when the attempt is no longer ours."""
        progress, lines = self.take_reports(is_over=is_over)
        self._flushed_at = time.monotonic()
        return finish.checkpoint(self.con, self.claim, progress, lines)

    def take_reports(self, *, is_over: bool) -> tuple[dict[str, Any] | None, list[Line]]:
        """Progress and log lines not yet written; all of them once the attempt `is_over`."""
        progress, self._progress = self._progress, None
        return progress, self._log.take(is_over=is_over)

    def note(self, level: str, message: str) -> None:
        """One line for the run's log in the database."""
        self._log.add(datetime.now(UTC) + self.con.clock_offset, level, message)

    def _flush_sometimes(self) -> None:
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()


class RunLog(logging.Handler):
    """Copies what is logged during an attempt, inside its `with` block, into the run's log."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._context.note(record.levelname, record.getMessage())
        except Exception:  # noqa: BLE001 - a line that cannot be written is nobody's failure, as with logging's own
            self.handleError(record)

    def __enter__(self) -> None:
        self._context.logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._context.logger.removeHandler(self)
