"""The Lambda handler of a job."""

from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, StatementError, Unavailable, connection
from slowmatch.jobs import catalog
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import disabled_jobs
from slowmatch.jobs.worker.executor import BulkHandler, Handler
from slowmatch.jobs.worker.invocation import Invocation
from slowmatch.settings import SettingsError, settings


class JobFunction:
    """The Lambda handler of `job`: takes SQS batches, and direct invocations in their four shapes."""

    def __init__(self, job: Job, handler: Handler | BulkHandler, *, is_bulk: bool = False) -> None:
        self.job = job
        self.handler = handler
        self.is_bulk = is_bulk
        self._settings: dict[str, Any] | None = None

    def __call__(self, event: Any, lambda_context: Any) -> Any:
        """Raises SettingsError if the job's settings are wrong, after noting that in the database."""
        con = connection()
        if self._settings is None:
            self._settings = self._read_settings(con)
        invocation = Invocation(
            con,
            self.job,
            self.handler,
            settings=self._settings,
            lambda_context=lambda_context,
            is_bulk=self.is_bulk,
        )
        return invocation.run(event)

    def _read_settings(self, con: Connection) -> dict[str, Any]:
        try:
            found = self.job.read_settings(settings().job_settings)
        except SettingsError as error:
            self._note(con, str(error))
            raise
        self._note(con, None)
        return found

    def _note(self, con: Connection, config_error: str | None) -> None:
        try:
            disabled_jobs.note_config_error(con, self.job.name, config_error)
        except (Unavailable, StatementError) as error:
            telemetry.logger.warning(f"cannot record whether the settings are valid: {error}")


def serve(job: str, handler: Handler) -> JobFunction:
    """Make the Lambda handler of the job of that name. Raises UnknownJob."""
    return JobFunction(catalog.job(job), handler)


def serve_bulk(job: str, handler: BulkHandler) -> JobFunction:
    """Like `serve`, for a handler that takes the contexts of several runs, and returns or yields their results.

    A result is a pair: the context, and what a handler of `serve` would return or raise. If the handler raises, all
    runs without a result have failed with that error. What it yields within a transaction is a result once that is
    committed.
    """
    return JobFunction(catalog.job(job), handler, is_bulk=True)
