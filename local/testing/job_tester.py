"""Runs attempts as a job's function would, and shows what each of them did."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

import pytest

from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.enqueue import enqueue_many
from slowmatch.jobs.model import RunState
from slowmatch.jobs.worker.context import Context
from slowmatch.jobs.worker.handler import JobFunction
from slowmatch.jobs.worker.invocation import AttemptFailed
from slowmatch.settings import settings as stack_settings

STACK = "slowmatch-test"


@dataclass(frozen=True, slots=True)
class EnqueuedRun:
    """A run that the handler enqueued. `due_at` is aware."""

    job: str
    payload: dict[str, Any]
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What an attempt did.

    `state` is the run's: "succeeded", "failed", "scheduled" for a retry at `due_at` (aware), "enqueued" to continue
    with `cursor`, or "deleted". `log` has the level and message of each line, `progress` the last report.
    """

    run_id: str
    state: RunState
    result: Any
    error: str | None
    due_at: datetime
    cursor: dict[str, Any] | None
    progress: dict[str, Any] | None
    log: list[tuple[str, str]]
    enqueued: list[EnqueuedRun]
    mails: list[EmailMessage]


class JobTester:
    """A database of its own, a clock to turn, and an SMTP server that keeps all mail."""

    def __init__(
        self,
        con: Connection,
        monkeypatch: pytest.MonkeyPatch,
        known_secrets: dict[str, str],
        mails: list[EmailMessage],
    ) -> None:
        self.con = con
        self._monkeypatch = monkeypatch
        self._known_secrets = known_secrets
        self._mails = mails

    def query(self, sql: str, **params: Any) -> list[list[Any]]:
        return self.con.query(sql, **params)

    def turn_clock(self, to: datetime) -> None:
        """Stop the clock at `to` (aware)."""
        self._monkeypatch.setattr(Connection, "now", lambda _: to)

    def configure(self, **variables: str) -> None:
        """Set variables of the whole stack, such as BATCH_SIZE="100", for `context.config`."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)
        stack_settings.cache_clear()

    def perform(
        self,
        handler: JobFunction,
        payload: Mapping[str, Any] | None = None,
        *,
        occurrence: datetime | None = None,
        now: datetime | None = None,
        settings: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        time_up_at: int | None = None,
    ) -> Attempt:
        """Start a run and execute its first attempt.

        `handler` is what `serve` made in the job's app.py. `settings` are those of the job's row, and `secrets` are
        texts by the names that those settings give. With an `occurrence`, the run is the one that the schedule
        starts then, without a payload. `time_up_at` is the checkpoint, counted from 1, at which time is nearly up.
        Raises PayloadError and SettingsError.
        """
        self.configure(JOB_SETTINGS=json.dumps(dict(settings or {})))
        for name, text in (secrets or {}).items():
            self._known_secrets[f"{STACK}/jobs/{handler.job.name}/{name}"] = text
        event: dict[str, Any] = {"payload": dict(payload or {})}
        if occurrence is not None:
            event = {"source": "aws.events", "time": occurrence.isoformat()}
        return self._invoke(handler, event, now, time_up_at)

    def perform_batch(
        self,
        handler: JobFunction,
        payloads: Sequence[dict[str, Any]],
        *,
        now: datetime | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[Attempt]:
        """Execute the first attempts of several runs in one invocation, as a queue with a `Batch` starts them.

        Raises PayloadsError and SettingsError.
        """
        self.configure(JOB_SETTINGS=json.dumps(dict(settings or {})))
        if now is not None:
            self.turn_clock(now)
        known_mails, job = len(self._mails), handler.job.name
        run_ids = [each.run_id for each in enqueue_many(self.con, job, payloads)]
        known_runs = {run_id for (run_id,) in self.query("SELECT id::text FROM job_run")}
        bodies = [json.dumps({"run_id": run_id, "attempt": 1}) for run_id in run_ids]
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        _new_worker(handler)({"Records": records}, _LambdaContext())
        return [self._attempt(run_id, known_runs, self._mails[known_mails:]) for run_id in run_ids]

    def resume(
        self,
        handler: JobFunction,
        attempt: Attempt,
        *,
        now: datetime | None = None,
        time_up_at: int | None = None,
    ) -> Attempt:
        """Execute the next attempt of a run that continues or is to be retried, whenever that is due."""
        return self._invoke(handler, {"run_id": attempt.run_id}, now, time_up_at)

    def _invoke(
        self, handler: JobFunction, event: dict[str, Any], now: datetime | None, time_up_at: int | None
    ) -> Attempt:
        if now is not None:
            self.turn_clock(now)
        known_mails = len(self._mails)
        known_runs = {run_id for (run_id,) in self.query("SELECT id::text FROM job_run")}
        function = _new_worker(handler)
        with _time_up_at(time_up_at, self._monkeypatch) as lambda_context:
            try:
                run_id = str(function(event, lambda_context)["id"])
            except AttemptFailed as failed:
                run_id = failed.run_id
        return self._attempt(run_id, known_runs, self._mails[known_mails:])

    def _attempt(self, run_id: str, known_runs: set[str], mails: list[EmailMessage]) -> Attempt:
        ((state, result, error, due_at, cursor, progress),) = self.query(
            "SELECT state, result, error, due_at, cursor, progress FROM job_run WHERE id = :run_id::uuid",
            run_id=run_id,
        )
        log = self.query(
            """
            SELECT log.level, log.message
            FROM job_log AS log JOIN job_run AS run ON run.id = log.run_id AND run.attempt = log.attempt
            WHERE run.id = :run_id::uuid
            ORDER BY log.id
            """,
            run_id=run_id,
        )
        runs = self.query("SELECT id::text, job, payload, due_at FROM job_run ORDER BY id")
        return Attempt(
            run_id=run_id,
            state=state,
            result=result,
            error=error,
            due_at=due_at,
            cursor=cursor,
            progress=progress,
            log=[(level, message) for level, message in log],
            enqueued=[EnqueuedRun(*run) for other, *run in runs if other not in {*known_runs, run_id}],
            mails=mails,
        )


def _new_worker(function: JobFunction) -> JobFunction:
    """A worker that reads its settings again."""
    return JobFunction(function.job, function.handler, is_bulk=function.is_bulk)


class _LambdaContext:
    """What the Lambda runtime passes to a handler, as far as it is used."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    remaining_ms = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@contextmanager
def _time_up_at(checkpoint: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[_LambdaContext]:
    """Let the invocation's time end at a checkpoint, so that no test has to wait."""
    lambda_context = _LambdaContext()
    original = Context.checkpoint
    numbers = itertools.count(1)

    def counted(context: Context) -> bool:
        if next(numbers) == checkpoint:
            lambda_context.remaining_ms = 0
        return original(context)

    with monkeypatch.context() as patch:
        patch.setattr(Context, "checkpoint", counted)
        yield lambda_context
