"""Executes claimed attempts: runs the handler, and collects the results of a batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, Unavailable
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle.claim import ClaimedAttempt
from slowmatch.jobs.lifecycle.finish import EndedAttempt
from slowmatch.jobs.model import AttemptResult
from slowmatch.jobs.worker.context import Cancelled, Context
from slowmatch.jobs.worker.result_writer import ResultWriter
from slowmatch.jobs.worker.results import given_back, result_of
from slowmatch.jobs.worker.time_left import TimeLeft

Handler = Callable[[Context], Any]
BulkHandler = Callable[[list[Context]], Iterable[tuple[Context, Any]]]


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
    time_left: TimeLeft
    is_bulk: bool = False

    def execute(self, batch: Sequence[ClaimedAttempt]) -> None:
        """Run the handler for each attempt, and finish all. What a handler raises becomes the state of its run.

        Raises Unavailable or StatementError if a result cannot be written. The dispatcher then starts its run again.
        """
        results = ResultWriter(self.con)
        if self.is_bulk:
            self._run_bulk(batch, results)
        else:
            self._run_each(batch, results)
        results.close()

    def refuse(self, claimed: ClaimedAttempt, error: Exception) -> None:
        """Finish an attempt with `error`, without calling the handler. Raises as `execute` does."""
        results = ResultWriter(self.con)
        results.add(self._ended(self._context(claimed), error))
        results.close()

    def _run_each(self, batch: Sequence[ClaimedAttempt], results: ResultWriter) -> None:
        """Run the handler for one attempt after another, until there is a reason to give back the others."""
        for number, claimed in enumerate(batch):
            if number and (why := self._reason_to_stop(results)):
                self._give_back(batch[number:], why, results)
                break
            context = self._context(replace(claimed, started_at=self._now()) if number else claimed)
            with _collecting_log(context):
                try:
                    with self._closing_transaction():
                        value = self.handler(context)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - what a handler raises is its run's state
                    value = error
                results.add(self._ended(context, value))

    def _reason_to_stop(self, results: ResultWriter) -> str | None:
        if self.time_left.is_nearly_up:
            return "the worker's time was nearly up"
        return "the results before it could not be written" if results.has_failed else None

    def _give_back(self, batch: Sequence[ClaimedAttempt], why: str, results: ResultWriter) -> None:
        now = self._now()
        for claimed in batch:
            result = given_back(claimed, f"before it began, because {why}", now)
            results.add(EndedAttempt(leased=claimed, result=result, at=now))

    def _run_bulk(self, batch: Sequence[ClaimedAttempt], results: ResultWriter) -> None:
        """Run the bulk handler, which returns or yields a context and its result for each run.

        What it yields within a transaction is a result once that is committed.
        """
        without_result = {claimed.run_id: self._context(claimed, has_own_logger=True) for claimed in batch}

        def end(context: Context, value: Any, result: AttemptResult | None) -> None:
            if without_result.pop(context.run_id, None):
                results.add(self._ended(context, value, result))

        error: BaseException = NoResult("the handler ended without a result for this run")
        try:
            with self._closing_transaction():
                for context, value in self.handler(list(without_result.values())):
                    # The result as it is now, and not as it may have become when the transaction is committed.
                    result = result_of(context.claimed, value, self._now())
                    self.con.after_commit(partial(end, context, value, result))
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - the error of all runs that have no result yet
            error = raised
        was_stopped = isinstance(error, Cancelled)  # one of the runs; no failure of those that go on
        why = "because another run of its batch was stopped"
        for context in list(without_result.values()):
            end(context, error, given_back(context.claimed, why, self._now()) if was_stopped else None)

    def _context(self, claimed: ClaimedAttempt, *, has_own_logger: bool = False) -> Context:
        return Context(
            self.con,
            self.job,
            claimed,
            settings=self.settings,
            time_left=self.time_left,
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

    def _ended(self, context: Context, value: Any, result: AttemptResult | None = None) -> EndedAttempt:
        """The attempt with what its handler returned or raised, and what it reported last."""
        claimed, now = context.claimed, self._now()
        result = result or result_of(claimed, value, now)
        if isinstance(value, Cancelled):
            telemetry.logger.info(f"stopped at a checkpoint: {value}")
        elif isinstance(value, BaseException):
            telemetry.logger.warning(f"attempt {claimed.attempt} failed: {result.error}")
        return EndedAttempt(
            leased=claimed,
            result=result,
            started_at=claimed.started_at,
            at=now,
            reports=context.take_reports(is_over=True),
            is_cancelled=isinstance(value, Cancelled),
        )

    def _now(self) -> datetime:
        """PostgreSQL's clock; by the offset measured last if the connection is lost, so that no result is."""
        try:
            return self.con.now()
        except Unavailable:
            return datetime.now(UTC) + self.con.clock_offset


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
