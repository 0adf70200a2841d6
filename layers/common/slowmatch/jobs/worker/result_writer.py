"""Writes the results of a batch, many together, and sends what follows from them."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, TimedOut
from slowmatch.jobs.lifecycle import messages, reports
from slowmatch.jobs.lifecycle.finish import EndedAttempt, Finished, finish, is_unstorable
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.retry import retry_or_fail
from slowmatch.notifications import publishing

METRICS = {"succeeded": "RunSucceeded", "failed": "RunFailed", "scheduled": "RunRetried"}
"""The metric that counts a run's change to a state."""
WITHOUT_EFFECT = "the run was stopped or taken over in the meantime; the result of this attempt was dropped"
MAX_UNWRITTEN_RESULTS = 100
MAX_UNWRITTEN_SECONDS = 0.2


class ResultWriter:
    """Writes results while a batch is executed.

    A result waits at most for the handler that follows, for 100 results or for 200 ms. Only two kinds wait for
    `close`: those whose run somebody has locked, and, once PostgreSQL could not write, all that follow.
    """

    def __init__(self, con: Connection) -> None:
        self._con = con
        self._unwritten: dict[str, EndedAttempt] = {}
        self._since = 0.0
        self._passed_over: list[EndedAttempt] = []
        self.has_failed = False
        """Whether PostgreSQL could not write: the connection was lost, for example."""

    def add(self, ended: EndedAttempt) -> None:
        """Take the result of an attempt, and write what has waited long enough. Never within a transaction."""
        if not self._unwritten:
            self._since = time.monotonic()
        self._unwritten[ended.leased.run_id] = ended
        is_full = len(self._unwritten) >= MAX_UNWRITTEN_RESULTS
        if (is_full or time.monotonic() - self._since >= MAX_UNWRITTEN_SECONDS) and not self.has_failed:
            try:
                self._write_together()
            except Exception as error:  # noqa: BLE001 - `close` tries again
                telemetry.logger.warning(f"results cannot be written now: {error}")
                self.has_failed = True

    def close(self) -> None:
        """Write what is left, and wait for locks. Raises Unavailable or StatementError if it cannot be written."""
        while len(self._unwritten) > 1:
            self._write_together()
        timed_out: TimedOut | None = None
        for ended in [*self._passed_over, *self._unwritten.values()]:
            try:
                self._write_alone(ended)
            except TimedOut as error:  # the run is still locked, which the others need not be
                timed_out = error
        if timed_out:
            raise timed_out

    def _write_together(self) -> None:
        """Write the oldest results in one statement, or one by one if it is refused. Locked runs are passed over."""
        oldest = list(self._unwritten.values())[:MAX_UNWRITTEN_RESULTS]
        try:
            self._write(oldest, skip_locked=True)
        except Exception as error:
            if not is_unstorable(error):
                raise
            for ended in oldest:
                self._write_alone(ended, skip_locked=True)

    def _write_alone(self, ended: EndedAttempt, *, skip_locked: bool = False) -> None:
        """Write one result; as a failure of its handler if it cannot be stored."""
        try:
            self._write([ended], skip_locked=skip_locked)
        except Exception as error:
            if not is_unstorable(error):
                raise
            self._write([self._failed(ended, error)], skip_locked=skip_locked)

    def _write(self, attempts: Sequence[EndedAttempt], *, skip_locked: bool) -> None:
        finished = finish(self._con, attempts, skip_locked=skip_locked)
        for ended in attempts:
            self._unwritten.pop(ended.leased.run_id, None)
        without_effect = [each for each in attempts if each.leased.run_id not in finished.run_ids]
        if skip_locked:
            self._passed_over += without_effect
        else:
            self._drop(without_effect)
        self._follow_up(finished)
        if ours := [each for each in attempts if each.leased.run_id in finished.run_ids]:
            _report(ours)

    def _follow_up(self, finished: Finished) -> None:
        """Send what follows. The dispatcher sends what could not be sent."""
        if finished.messages:
            with _logging_errors("messages were not sent"):
                messages.send(self._con, finished.messages)
        if finished.notification_ids:
            with _logging_errors("notifications were not published"):
                publishing.publish(finished.notification_ids)

    def _drop(self, attempts: Sequence[EndedAttempt]) -> None:
        """Note that the attempts had no effect, in the function's log and the runs'."""
        for ended in attempts:
            leased, lines = ended.leased, ended.reports.lines
            if not ended.is_cancelled:
                telemetry.logger.info(
                    WITHOUT_EFFECT, extra={"run_id": leased.run_id, "attempt": leased.attempt}
                )
                lines = [*lines, {"at": ended.at.isoformat(), "level": "INFO", "message": WITHOUT_EFFECT}]
            with _logging_errors("the end of a handler was not noted"):
                reports.note_handler_end(self._con, leased, lines, at=ended.at, noticed=ended.is_cancelled)

    def _failed(self, ended: EndedAttempt, error: Exception) -> EndedAttempt:
        leased = ended.leased
        result = retry_or_fail(
            error, failures=leased.failures + 1, max_attempts=leased.max_attempts, now=ended.at
        )
        return replace(ended, result=result, reports=Reports(lines=ended.reports.lines))


@contextmanager
def _logging_errors(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the results are written, and the dispatcher does the rest
        telemetry.logger.error(f"{what}: {error}")


def _report(finished: Sequence[EndedAttempt]) -> None:
    """Count the attempts in the metrics and log their ends, in one line of each kind: many take ten times as long."""
    job = finished[0].leased.job
    ends: list[dict[str, Any]] = [
        {
            "run_id": each.leased.run_id,
            "attempt": each.leased.attempt,
            "state": each.result.state,
            "ms": round((each.at - (each.started_at or each.at)).total_seconds() * 1000, 1),
        }
        for each in finished
    ]
    for state, number in Counter(each.result.state for each in finished).items():
        if state in METRICS:
            telemetry.count(METRICS[state], number, job=job)
    telemetry.duration("AttemptDuration", [end["ms"] for end in ends], job=job)
    about = ends[0] if len(ends) == 1 else {"attempts": ends}
    telemetry.logger.info(f"{job}: attempts ended: {len(ends)}", extra=about)
