"""One invocation of a job's function: a batch of SQS messages, or a direct invocation."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from slowmatch import telemetry
from slowmatch.db import Connection, StatementError, TimedOut, Unavailable
from slowmatch.jobs.definition import Job, PayloadError
from slowmatch.jobs.lifecycle import actions, promotion, scheduled_runs
from slowmatch.jobs.lifecycle.claim import Busy, ClaimedAttempt, Lease, claim, claim_batch
from slowmatch.jobs.lifecycle.create import start
from slowmatch.jobs.lifecycle.enqueue import enqueue
from slowmatch.jobs.lifecycle.pause import describe_pause
from slowmatch.jobs.queries import runs
from slowmatch.jobs.retry import Permanent
from slowmatch.jobs.schedules import store as schedules
from slowmatch.jobs.schedules.model import Schedule
from slowmatch.jobs.worker.events import (
    EventError,
    Message,
    MessageError,
    OccurrenceDue,
    RestartRun,
    RunDue,
    ScheduleDue,
    parse,
    parse_body,
)
from slowmatch.jobs.worker.executor import BulkHandler, Executor, Handler
from slowmatch.jobs.worker.time_left import TimeLeft

DIRECT_ACTOR = "direct invocation"
Due = RunDue | OccurrenceDue | ScheduleDue


class PayloadRefused(Permanent):
    """A schedule's payload was accepted once, but is no longer."""


class AttemptFailed(Exception):
    """A directly invoked attempt failed; the message says what follows."""

    def __init__(self, run_id: str, message: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class Invocation:
    def __init__(
        self,
        con: Connection,
        job: Job,
        handler: Handler | BulkHandler,
        *,
        settings: dict[str, Any],
        lambda_context: Any,
        is_bulk: bool = False,
    ) -> None:
        self._con = con
        self._job = job
        self._request_id: str = lambda_context.aws_request_id
        self._time_left = TimeLeft(lambda_context.get_remaining_time_in_millis)
        self._executor = Executor(
            con=con,
            job=job,
            handler=handler,
            settings=settings,
            time_left=self._time_left,
            is_bulk=is_bulk,
        )

    def run(self, event: Any) -> Any:
        """Return the ids of the messages that SQS has to keep, or the run that was invoked directly."""
        wanted = parse(event)
        if isinstance(wanted, list):
            kept = self._process_all(wanted)
            return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
        if isinstance(wanted, RestartRun):
            run_id = self._restart(wanted.run_id)
        else:
            run_id = self._start(self._job.check(wanted.payload), wanted.occurrence)
        return self._answer(run_id)

    def _process_all(self, messages: list[Message]) -> list[str]:
        """Process the messages, and return the ids of those that SQS has to keep. None affects the others.

        Runs are claimed together. What cannot be claimed together is started message by message after that, as long
        as there is time and a database. The message of a claimed run has done its work, whatever the run's result.
        """
        waiting: deque[tuple[str, Due]] = deque()
        kept: list[str] = []
        for message in messages:
            try:
                waiting.append((message.id, parse_body(message.body, message.sent_at)))
            except MessageError as error:
                telemetry.logger.error(f"message {message.id} goes to the dead-letter queue: {error}")
                kept.append(message.id)
        why = "time is nearly up"
        try:
            claimed = self._start_batch([due for _, due in waiting if isinstance(due, RunDue)])
            waiting = deque((message_id, due) for message_id, due in waiting if due not in claimed)
            while waiting and not self._time_left.is_nearly_up:
                message_id, due = waiting[0]
                if not self._is_done(message_id, due):
                    kept.append(message_id)
                waiting.popleft()
        except Unavailable as error:
            why = str(error)
        if waiting:
            telemetry.logger.warning(f"messages that stay in the queue: {len(waiting)}, because {why}")
        return kept + [message_id for message_id, _ in waiting]

    def _start_batch(self, due: list[RunDue]) -> set[Due]:
        """Start the runs that can be claimed together, and return what was due for them. Raises Unavailable."""
        if len(due) < 2 or self._job.exclusive:
            return set()
        attempts = {each.run_id: each.attempt for each in reversed(due)}
        try:
            batch = claim_batch(self._con, self._job.name, attempts, lease=self._lease())
        except StatementError as error:
            telemetry.logger.error(f"a batch of {len(due)} runs is started message by message: {error}")
            return set()
        with _logging_lost_results():
            self._executor.execute(batch)
        return {RunDue(each.run_id, each.attempt) for each in batch}

    def _is_done(self, message_id: str, due: Due) -> bool:
        """Start what is due. False if SQS has to keep the message. Raises Unavailable if it has to keep all."""
        try:
            self._start_one(due)
        except MessageError as error:
            telemetry.logger.error(f"message {message_id} goes to the dead-letter queue: {error}")
            return False
        except Exception as error:
            is_locked = isinstance(error, TimedOut)  # the run alone
            if isinstance(error, Unavailable) and not is_locked:
                raise
            telemetry.logger.error(f"message {message_id} stays in the queue: {error}")
            return False
        return True

    def _start_one(self, due: Due) -> None:
        match due:
            case RunDue():
                self._start_attempt(due)
            case OccurrenceDue():
                self._start_of_rule(due)
            case ScheduleDue():
                self._start_of_schedule(due)

    def _start_attempt(self, due: RunDue) -> None:
        try:
            claimed = claim(self._con, self._job.name, due.run_id, attempt=due.attempt, lease=self._lease())
        except Busy:
            self._let_wait(due.run_id, due.attempt)
            return
        if claimed is None:
            why = runs.describe(self._con, due.run_id)
            telemetry.logger.info(f"message for attempt {due.attempt} of run {due.run_id} is ignored: {why}")
        else:
            with _logging_lost_results():
                self._executor.execute([claimed])

    def _start_of_rule(self, due: OccurrenceDue) -> None:
        con, job, occurrence = self._con, self._job, due.occurrence
        if due.job != job.name:
            raise MessageError(f"it is for job {due.job!r}, but this function runs {job.name}")
        pause = describe_pause(con, job.name)
        if pause is None:
            self._start_occurrence(occurrence, {})
        elif scheduled_runs.skip_occurrence(con, job, occurrence, f"paused by {pause}"):
            telemetry.logger.info(f"occurrence {occurrence.isoformat()} skipped: paused by {pause}")

    def _start_of_schedule(self, due: ScheduleDue) -> None:
        """Start a run with the payload that the schedule has now, unless it was deleted, moved or paused."""
        schedule = schedules.find(self._con, due.name)
        if schedule is None:
            why = "there is no such schedule"
        elif schedule.job != self._job.name:
            why = f"it is of {schedule.job} now"
        elif not schedule.timing.includes(occurrence := _occurrence_of(due, schedule)):
            why = f"{occurrence.isoformat()} is not one of its times"
        elif not schedule.enabled:
            why = "it is paused"
            reason = "the schedule was paused"
            scheduled_runs.skip_occurrence(
                self._con, self._job, occurrence, reason, schedule.payload, schedule.name
            )
        else:
            self._start_occurrence(occurrence, schedule.payload, schedule.name)
            return
        telemetry.logger.info(f"message of schedule {due.name} is ignored: {why}")

    def _start_occurrence(self, occurrence: datetime, payload: dict[str, Any], schedule: str = "") -> None:
        con, job = self._con, self._job
        claimed = start(
            con,
            job,
            self._lease(),
            trigger="schedule",
            actor="schedule",
            payload=payload,
            schedule=schedule,
            occurrence=occurrence,
        )
        if claimed is not None:
            with _logging_lost_results():
                self._execute_scheduled(claimed, schedule)
        elif scheduled_runs.has_run(con, job.name, occurrence, schedule):
            telemetry.logger.info(f"occurrence {occurrence.isoformat()} already has a run")
        elif job.overlap == "skip":
            reason = "another run was still processing"
            scheduled_runs.skip_occurrence(con, job, occurrence, reason, payload, schedule)
        else:
            scheduled_runs.let_occurrence_wait(con, job, occurrence, payload, schedule)

    def _execute_scheduled(self, claimed: ClaimedAttempt, schedule: str) -> None:
        try:
            self._job.check(claimed.payload)
        except PayloadError as error:
            message = f"schedule {schedule} has a payload that {self._job.name} no longer takes, so change it: {error}"
            self._executor.refuse(claimed, PayloadRefused(message))
        else:
            self._executor.execute([claimed])

    def _start(self, payload: dict[str, Any], occurrence: datetime | None) -> str:
        """Start a new run, or let it wait for the run that is processing, and return its id."""
        con, job = self._con, self._job
        if occurrence and scheduled_runs.has_run(con, job.name, occurrence):
            occurrence = None  # started by hand again, it runs, but is not the occurrence's run
        claimed = start(
            con,
            job,
            self._lease(),
            trigger="direct",
            actor=DIRECT_ACTOR,
            payload=payload,
            occurrence=occurrence,
        )
        if claimed is not None:
            self._executor.execute([claimed])
            return claimed.run_id
        if occurrence and scheduled_runs.has_run(con, job.name, occurrence):
            raise EventError(
                f"a run for {occurrence.isoformat()} was started at the same time; invoke the function again"
            )
        waiting = enqueue(con, job.name, payload, trigger="direct", actor=DIRECT_ACTOR)
        telemetry.logger.warning(f"another run is processing; run {waiting.run_id} is waiting for it to end")
        return waiting.run_id

    def _restart(self, run_id: str) -> str:
        """Start the next attempt of a run, whatever its state, and return its id."""
        run = runs.find(self._con, run_id)
        if run is None or run.job != self._job.name:
            raise EventError(f"there is no run {run_id} of {self._job.name}")
        for action in ("requeue", "run-now"):
            if run.state in actions.ELIGIBLE[action]:
                actions.change(self._con, action, ids=[run_id], actor=DIRECT_ACTOR, send=False)
        attempt = run.attempt + 1
        try:
            claimed = claim(self._con, self._job.name, run_id, attempt=attempt, lease=self._lease())
        except Busy as busy:
            self._let_wait(run_id, attempt)
            raise EventError(
                f"another run of {self._job.name} is processing; run {run_id} is waiting for it to end"
            ) from busy
        if claimed is None:
            raise EventError(f"run {run_id} cannot be started: {runs.describe(self._con, run_id)}")
        self._executor.execute([claimed])
        return run_id

    def _answer(self, run_id: str) -> dict[str, Any]:
        """The run as it is now. Raises AttemptFailed."""
        run = runs.get(self._con, run_id)
        if run.state == "scheduled":
            raise AttemptFailed(
                run_id, f"run {run_id} failed: {run.error}; it will be retried at {run.due_at.isoformat()}"
            )
        if run.state == "failed":
            raise AttemptFailed(run_id, f"run {run_id} failed: {run.error}; it will not be retried")
        return run.to_json()

    def _let_wait(self, run_id: str, attempt: int) -> None:
        if promotion.let_wait(self._con, self._job.name, run_id, attempt):
            telemetry.logger.info(f"run {run_id} is waiting: another run of {self._job.name} is processing")

    def _lease(self) -> Lease:
        now = self._con.now()
        return Lease(
            worker=os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME") or f"process {os.getpid()}",
            request_id=self._request_id,
            since=now,
            until=now + timedelta(milliseconds=self._time_left.milliseconds),
        )


@contextmanager
def _logging_lost_results() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the runs are claimed, so their messages can start nothing more
        telemetry.logger.error(f"results were lost, and the dispatcher will start their runs again: {error}")


def _occurrence_of(due: ScheduleDue, schedule: Schedule) -> datetime:
    """The occurrence that a message is about: without one, the latest before the message was sent."""
    timing = schedule.timing
    if not due.is_sent_time or timing.is_rate:
        return due.occurrence
    return max(timing.between(due.occurrence - timedelta(hours=1), due.occurrence), default=due.occurrence)
