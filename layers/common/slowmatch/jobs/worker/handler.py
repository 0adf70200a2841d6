"""The Lambda side of a job: what the queue brings, and what a person invokes by hand."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, StatementError, Unavailable, connection
from slowmatch.jobs.catalog import job as job_spec
from slowmatch.jobs.definition import Job
from slowmatch.jobs.lifecycle import actions, disabled_jobs, finish, promotion, scheduled_runs
from slowmatch.jobs.lifecycle import claim as claims
from slowmatch.jobs.lifecycle.enqueue import enqueue
from slowmatch.jobs.queries import runs
from slowmatch.jobs.worker.context import Context
from slowmatch.jobs.worker.events import EventError, MessageError, parse_direct, parse_message, parse_records
from slowmatch.jobs.worker.executor import Handler, execute
from slowmatch.settings import SettingsError, settings

Body = dict[str, Any] | Exception
"""What a message says, or why it cannot be understood."""


class AttemptFailed(Exception):
    """A directly invoked attempt failed; the message says what happens next."""

    def __init__(self, run_id: str, message: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class JobFunction:
    """The Lambda handler of `job`: SQS batches, and direct invocation in its four shapes."""

    def __init__(self, job: Job, handler: Handler) -> None:
        self.job = job
        self._handler = handler
        self._has_started = False

    def __call__(self, event: Any, lambda_context: Any) -> Any:
        """Raises SettingsError for wrong settings of the job, after noting them for the dispatcher and for people."""
        con = connection()
        try:
            worker = Worker(self.job, self._handler, con, lambda_context)
        except SettingsError as error:
            with _logged("the flaw cannot be noted"):
                disabled_jobs.note_flaw(con, self.job.name, str(error))
            raise
        if not self._has_started:
            with _logged("a former flaw cannot be cleared"):
                disabled_jobs.clear_flaw(con, self.job.name)
            self._has_started = True
        return worker.answer(event)


def serve(job: str, handler: Handler) -> JobFunction:
    """Make the Lambda handler of the job of that name. Raises UnknownJob."""
    return JobFunction(job_spec(job), handler)


@contextmanager
def _logged(problem: str) -> Iterator[None]:
    """Log an error of the database: the invocation goes on without what the block does."""
    try:
        yield
    except (Unavailable, StatementError) as error:
        telemetry.logger.warning(f"{problem}: {error}")


class Worker:
    """One invocation of a job's function."""

    def __init__(self, spec: Job, handler: Handler, con: Connection, lambda_context: Any) -> None:
        self._spec = spec
        self._settings = spec.read_settings(settings().job_settings)
        self._handler = handler
        self._con = con
        self._remaining_ms: Callable[[], int] = lambda_context.get_remaining_time_in_millis
        self._request_id: str = lambda_context.aws_request_id
        self._ahead: finish.Ahead | None = None

    def answer(self, event: Any) -> Any:
        if isinstance(event, dict) and "Records" in event:
            return {"batchItemFailures": [{"itemIdentifier": kept} for kept in self._batch(event)]}
        return self._direct(event)

    def _batch(self, event: dict[str, Any]) -> Iterator[str]:
        """Work on one message after the other, and give the ids of those that SQS has to keep."""
        records = parse_records(event)
        bodies = [_body(record) for record in records]
        for record, body, following in zip(records, bodies, [*bodies[1:], None], strict=True):
            if not self._message(record.get("messageId", ""), body, following):
                yield record.get("messageId", "")

    def _message(self, message: str, body: Body, following: Body | None) -> bool:
        """Whether the message is done with, so that SQS may delete it."""
        claimed, self._ahead = self._ahead, None
        try:
            if isinstance(body, Exception):
                raise body
            if "occurrence" in body:
                self._tick(body)
            elif claimed is not None and claimed.claim is not None:
                self._carry_out(claimed.claim, self._look_ahead(following))
            else:
                self._pointer(body["run_id"], body["attempt"], self._look_ahead(following))
        except MessageError as error:
            telemetry.logger.error(f"message {message} goes to the dead-letter queue: {error}")
            return False
        except Exception as error:  # noqa: BLE001 - one message must not take its neighbours along
            telemetry.logger.error(f"message {message} stays in the queue: {error}")
            return False
        return True

    def _look_ahead(self, following: Body | None) -> finish.Ahead | None:
        """The run of the next message, which may be claimed as soon as this one's is finished."""
        if isinstance(following, dict) and "run_id" in following:
            self._ahead = finish.Ahead(following["run_id"], following["attempt"], self._holder)
        return self._ahead

    def _tick(self, body: dict[str, Any]) -> None:
        if body["job"] != self._spec.name:
            raise MessageError(f"it is for job {body['job']!r}, this function runs {self._spec.name}")
        occurrence = body["occurrence"]
        try:
            claim = claims.start(
                self._con,
                self._spec,
                self._holder(),
                trigger="schedule",
                actor="schedule",
                occurrence=occurrence,
            )
        except claims.Busy:
            if self._spec.overlap == "skip":
                scheduled_runs.skip_occurrence(
                    self._con, self._spec, occurrence, "another run was still processing"
                )
            else:
                scheduled_runs.hold_occurrence(self._con, self._spec, occurrence)
            return
        if claim is None:
            self._unclaimed_tick(body)
        else:
            self._carry_out(claim)

    def _unclaimed_tick(self, body: dict[str, Any]) -> None:
        occurrence = body["occurrence"]
        pause = scheduled_runs.pause_of(self._con, self._spec.name)
        if pause and scheduled_runs.skip_occurrence(self._con, self._spec, occurrence, f"paused by {pause}"):
            telemetry.logger.info(f"tick {occurrence.isoformat()} skipped: paused by {pause}")
        elif scheduled_runs.is_answered(self._con, self._spec.name, occurrence):
            telemetry.logger.info(f"tick {occurrence.isoformat()} has its run already")
        else:
            self._tick(body)  # the schedule was resumed this very moment

    def _pointer(self, run_id: str, attempt: int, ahead: finish.Ahead | None) -> None:
        try:
            claim = claims.claim(self._con, self._spec.name, run_id, attempt, self._holder())
        except claims.Busy:
            self._wait(run_id, attempt)
            return
        if claim is None:
            telemetry.logger.info(
                f"message for attempt {attempt} of run {run_id} starts nothing: {runs.describe(self._con, run_id)}"
            )
        else:
            self._carry_out(claim, ahead)

    def _wait(self, run_id: str, attempt: int) -> None:
        if promotion.wait(self._con, self._spec.name, run_id, attempt):
            telemetry.logger.info(f"run {run_id} waits: another run of {self._spec.name} is processing")

    def _direct(self, event: Any) -> Any:
        request = parse_direct(event)
        if "run_id" in request:
            run_id = self._rerun(request["run_id"])
        else:
            run_id = self._start(self._spec.check(request["payload"]), request.get("occurrence"))
        run = runs.get(self._con, run_id)
        if run.state in ("scheduled", "failed"):
            follows = (
                f"it will be tried again at {run.due_at.isoformat()}"
                if run.state == "scheduled"
                else "no retry follows"
            )
            raise AttemptFailed(run_id, f"run {run_id} failed: {run.error}; {follows}")
        return run.to_json()

    def _start(self, payload: dict[str, Any], occurrence: datetime | None) -> str:
        if occurrence and scheduled_runs.is_answered(self._con, self._spec.name, occurrence):
            occurrence = None  # a rerun of a tick by hand runs, but it does not answer the tick again
        try:
            claim = claims.start(
                self._con,
                self._spec,
                self._holder(),
                trigger="direct",
                actor="direct invocation",
                payload=payload,
                occurrence=occurrence,
            )
        except claims.Busy:
            waiting = enqueue(
                self._con, self._spec.name, payload, trigger="direct", actor="direct invocation"
            )
            telemetry.logger.warning(f"another run is processing; run {waiting.run_id} waits for it to end")
            return waiting.run_id
        if claim is None:
            raise EventError(f"occurrence {occurrence} was answered this very moment; invoke again")
        self._carry_out(claim)
        return claim.run_id

    def _rerun(self, run_id: str) -> str:
        run = runs.find(self._con, run_id)
        if run is None or run.job != self._spec.name:
            raise EventError(f"there is no run {run_id} of {self._spec.name}")
        for action in ("requeue", "run-now"):
            if run.state in actions.ELIGIBLE[action]:
                actions.change(self._con, action, ids=[run_id], actor="direct invocation", send=False)
        attempt = run.attempt + 1
        try:
            claim = claims.claim(self._con, self._spec.name, run_id, attempt, self._holder())
        except claims.Busy as busy:
            self._wait(run_id, attempt)
            raise EventError(
                f"another run of {self._spec.name} is processing; run {run_id} waits for it"
            ) from busy
        if claim is None:
            raise EventError(f"run {run_id} cannot be started: {runs.describe(self._con, run_id)}")
        self._carry_out(claim)
        return run_id

    def _carry_out(self, claim: claims.ClaimedAttempt, ahead: finish.Ahead | None = None) -> None:
        context = Context(self._con, self._spec, claim, self._remaining_ms, self._settings)
        execute(context, self._handler, ahead)

    def _holder(self) -> claims.Lease:
        now = self._con.now()
        return claims.Lease(
            worker=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME") or f"process {os.getpid()}",
            request_id=self._request_id,
            now=now,
            lease_until=now + timedelta(milliseconds=self._remaining_ms()),
        )


def _body(record: dict[str, Any]) -> Body:
    try:
        return parse_message(record.get("body"))
    except Exception as error:  # noqa: BLE001 - it is raised when the message has its turn
        return error
