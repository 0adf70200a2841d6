"""The Lambda handler of a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, StatementError, Unavailable, connection
from slowmatch.jobs import catalog
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import disabled_jobs
from slowmatch.jobs.worker.executor import Handler
from slowmatch.jobs.worker.invocation import Invocation
from slowmatch.settings import SettingsError, settings


class JobFunction:
    """The Lambda handler of `job`: takes SQS batches, and direct invocations in their four shapes."""

    def __init__(self, job: Job, handler: Handler) -> None:
        self.job = job
        self.handler = handler
        self._settings: dict[str, Any] | None = None

    def __call__(self, event: Any, lambda_context: Any) -> Any:
        """Raises SettingsError if the job's settings are wrong, after noting that in the database."""
        con = connection()
        if self._settings is None:
            self._settings = self._read_settings(con)
        invocation = Invocation(
            con, self.job, self.handler, settings=self._settings, lambda_context=lambda_context
        )
        return invocation.run(event)

    def _read_settings(self, con: Connection) -> dict[str, Any]:
        try:
            found = self.job.read_settings(settings().job_settings)
        except SettingsError as error:
            with _log_database_error("cannot record the invalid settings"):
                disabled_jobs.note_config_error(con, self.job.name, str(error))
            raise
        with _log_database_error("cannot clear the record of invalid settings"):
            disabled_jobs.clear_config_error(con, self.job.name)
        return found


def serve(job: str, handler: Handler) -> JobFunction:
    """Make the Lambda handler of the job of that name. Raises UnknownJob."""
    return JobFunction(catalog.job(job), handler)


@contextmanager
def _log_database_error(problem: str) -> Iterator[None]:
    try:
        yield
    except (Unavailable, StatementError) as error:
        telemetry.logger.warning(f"{problem}: {error}")
