"""Executes claimed attempts: runs the handler, and writes the results, of a batch together."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import finish, messages, reports
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.finish import EndedAttempt
from slowmatch.jobs.lifecycle.reports import Reports
from slowmatch.jobs.retry import retry_or_fail
from slowmatch.jobs.worker.context import Cancelled, Context
from slowmatch.jobs.worker.results import given_back, result_of
from slowmatch.notifications import publishing

Handler = Callable[[Context], Any]
BulkHandler = Callable[[list[Context]], Iterable[tuple[Context, Any]]]
METRICS = {"succeeded": "RunSucceeded", "failed": "RunFailed", "scheduled": "RunRetried"}
"""The metric that counts a run's change to a state."""
WITHOUT_EFFECT = "the run was stopped or taken over in the meantime; the result of this attempt was dropped"
MAX_UNWRITTEN_RESULTS = 100
MAX_UNWRITTEN_SECONDS = 0.2
MAX_RESERVE_MS = 30_000
"""With less time left, or a fifth of the invocation's time, no further run of a batch begins."""


class NoResult(Exception):
    """A bulk handler ended without a result for a run."""


class TransactionLeftOpen(Exception):
    """A handler ended within a transaction, which was rolled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Runs a job's handler. One that `is_bulk` takes the contexts of a whole batch."""

    con: Connection
    job: Job
    handler: Any
    settings: dict[str, Any]
    remaining_ms: Callable[[], int]
    is_bulk: bool = False

    def execute(self, batch: Sequence[ClaimedAttempt]) -> None:
        """Run the handler for each attempt, and finish all. What a handler raises becomes the state of its run.

        A result waits at most for the handler that follows before it is written. Raises Unavailable if it cannot
        be written.
        """
        unwritten: list[EndedAttempt] = []
        since = 0.0
        for ended in self._run_bulk(batch) if self.is_bulk else self._run_each(batch):
            since = since if unwritten else time.monotonic()
            unwritten.append(ended)
            if len(unwritten) == MAX_UNWRITTEN_RESULTS or time.monotonic() - since >= MAX_UNWRITTEN_SECONDS:
                self._write(unwritten)
                unwritten = []
        if unwritten:
            self._write(unwritten)

    def refuse(self, claimed: ClaimedAttempt, error: Exception) -> None:
        """Finish an attempt with `error`, without calling the handler."""
        if ended := self._ended(self._context(claimed), error):
            self._write([ended])

    def _run_each(self, batch: Sequence[ClaimedAttempt]) -> Iterator[EndedAttempt]:
        """Run the handler for one attempt after another. What has not begun when time is nearly up is given back."""
        reserve_ms = min(MAX_RESERVE_MS, self.remaining_ms() // 5)
        for number, claimed in enumerate(batch):
            if number and self.remaining_ms() <= reserve_ms:
                yield EndedAttempt(
                    leased=claimed, result=given_back(claimed, self.con.now()), at=self.con.now()
                )
                continue
            context = self._context(replace(claimed, started_at=self.con.now()) if number else claimed)
            with _collecting_log(context):
                try:
                    with self._closing_transaction():
                        value = self.handler(context)
                except Exception as error:  # noqa: BLE001 - whatever a handler raises is the state of its run
                    value = error
                ended = self._ended(context, value)
            if ended:
                yield ended

    def _run_bulk(self, batch: Sequence[ClaimedAttempt]) -> Iterator[EndedAttempt]:
        """Run the bulk handler, which returns or yields a context and its result for each run."""
        without_result = {claimed.run_id: self._context(claimed, has_own_logger=True) for claimed in batch}
        error: Exception = NoResult("the handler ended without a result for this run")
        try:
            with self._closing_transaction():
                for context, value in self.handler(list(without_result.values())):
                    if without_result.pop(context.run_id, None) and (ended := self._ended(context, value)):
                        yield ended
        except Exception as raised:  # noqa: BLE001 - the error of all runs that have no result yet
            error = raised
        for context in without_result.values():
            if ended := self._ended(context, error):
                yield ended

    def _context(self, claimed: ClaimedAttempt, *, has_own_logger: bool = False) -> Context:
        return Context(
            self.con,
            self.job,
            claimed,
            settings=self.settings,
            remaining_ms=self.remaining_ms,
            has_own_logger=has_own_logger,
        )

    @contextmanager
    def _closing_transaction(self) -> Iterator[None]:
        """Raise TransactionLeftOpen if the block left a transaction open."""
        try:
            yield
        finally:
            was_open = self.con.abandon_transaction()
        if was_open:
            raise TransactionLeftOpen("the handler left a transaction open; it was rolled back")

    def _ended(self, context: Context, value: Any) -> EndedAttempt | None:
        """The attempt with what its handler returned or raised; None if it stopped because the run is not its own."""
        if isinstance(value, Cancelled):
            telemetry.logger.info(f"stopped at a checkpoint: {value}")
            lines = context.take_reports(is_over=True).lines
            reports.note_handler_end(self.con, context.claimed, lines, noticed=True)
            return None
        claimed, now = context.claimed, self.con.now()
        result = result_of(claimed, value, now)
        if isinstance(value, Exception):
            telemetry.logger.warning(f"attempt {claimed.attempt} failed: {result.error}")
        left = context.take_reports(is_over=True)
        return EndedAttempt(
            leased=claimed, result=result, started_at=claimed.started_at, at=now, reports=left
        )

    def _write(self, attempts: Sequence[EndedAttempt]) -> None:
        """Write the results, and send what follows from them."""
        try:
            finished = finish.finish(self.con, attempts)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - JSON or PostgreSQL cannot hold one of them
            if len(attempts) > 1:
                for each in attempts:
                    self._write([each])
                return
            attempts = [self._unstorable(attempts[0], error)]
            finished = finish.finish(self.con, attempts)
        if finished.messages:
            messages.send(self.con, finished.messages)
        if finished.notification_ids:
            publishing.publish(finished.notification_ids)
        for each in attempts:
            if each.leased.run_id in finished.run_ids:
                _report(each)
            else:
                self._drop(each)

    def _drop(self, ended: EndedAttempt) -> None:
        """Note that the attempt had no effect, in the function's log and the run's."""
        leased = ended.leased
        telemetry.logger.info(WITHOUT_EFFECT, extra={"run_id": leased.run_id, "attempt": leased.attempt})
        line = {"at": ended.at.isoformat(), "level": "INFO", "message": WITHOUT_EFFECT}
        reports.note_handler_end(self.con, leased, [line], noticed=False)

    def _unstorable(self, ended: EndedAttempt, error: Exception) -> EndedAttempt:
        """The attempt as a failure of its handler, since its result cannot be stored."""
        leased, now = ended.leased, self.con.now()
        result = retry_or_fail(error, failures=leased.failures + 1, max_attempts=leased.max_attempts, now=now)
        return replace(ended, result=result, at=now, reports=Reports(lines=ended.reports.lines))


@contextmanager
def _collecting_log(context: Context) -> Iterator[None]:
    """Add what is logged meanwhile to the run's log, and the run to each line of the function's log."""
    telemetry.logger.append_keys(run_id=context.run_id, attempt=context.attempt)
    context.logger.addHandler(context.log)
    try:
        yield
    finally:
        context.logger.removeHandler(context.log)
        telemetry.logger.remove_keys(["run_id", "attempt"])


def _report(ended: EndedAttempt) -> None:
    """Count the attempt in the metrics and log its end."""
    leased, result = ended.leased, ended.result
    about: dict[str, Any] = {"run_id": leased.run_id, "attempt": leased.attempt, "state": result.state}
    if result.state in METRICS:
        telemetry.count(METRICS[result.state], job=leased.job)
    if ended.started_at:
        milliseconds = (ended.at - ended.started_at).total_seconds() * 1000
        telemetry.duration("AttemptDuration", milliseconds, job=leased.job)
        about["ms"] = round(milliseconds)
    telemetry.logger.info(f"{leased.job}: attempt {result.outcome}", extra=about)
