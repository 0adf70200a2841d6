"""Carries out attempts as a job's function would, and shows what each of them did."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

import pytest

from slowmatch.db import Connection
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


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt did.

    `state` is the run's: "succeeded", "failed", "scheduled" for a retry at `due_at` (aware), "enqueued" to continue
    with `cursor`, or "deleted". `log` has level and message of each line, and `progress` what was reported last.
    """

    run_id: str
    state: str
    result: Any
    error: str | None
    due_at: datetime
    cursor: dict[str, Any] | None
    progress: dict[str, Any] | None
    log: list[tuple[str, str]]
    enqueued: list[EnqueuedRun]
    mails: list[EmailMessage]


class JobTester:
    """A database of its own, a clock to turn, and an SMTP server that keeps what it gets."""

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
        """Run one statement in the database and return its rows."""
        return self.con.query(sql, **params)

    def turn_clock(self, to: datetime) -> None:
        """Let it be `to` (aware) from now on. Time stands still then."""
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
        """Start a run and carry out its first attempt.

        `handler` is what `serve` made in the job's app.py. `settings` are those that the job's row would have, and
        `secrets` are texts by the names that those settings give. With an `occurrence`, the run is one that the
        schedule starts, without a payload. `time_up_at` is the checkpoint, counted from 1, at which time is nearly up.
        Raises PayloadError and SettingsError.
        """
        self.configure(JOB_SETTINGS=json.dumps(dict(settings or {})))
        for name, text in (secrets or {}).items():
            self._known_secrets[f"{STACK}/jobs/{handler.job.name}/{name}"] = text
        event = (
            {"payload": dict(payload or {})}
            if occurrence is None
            else {"source": "aws.events", "time": occurrence.isoformat()}
        )
        return self._invoke(handler, event, now, time_up_at)

    def resume(
        self,
        handler: JobFunction,
        attempt: Attempt,
        *,
        now: datetime | None = None,
        time_up_at: int | None = None,
    ) -> Attempt:
        """Carry out the next attempt of a run that continues or is to be retried, whenever that is due."""
        return self._invoke(handler, {"run_id": attempt.run_id}, now, time_up_at)

    def _invoke(
        self, handler: JobFunction, event: dict[str, Any], now: datetime | None, time_up_at: int | None
    ) -> Attempt:
        if now is not None:
            self.turn_clock(now)
        mails, runs = len(self._mails), {run_id for (run_id,) in self.query("SELECT id::text FROM job_run")}
        with _time_up_at(time_up_at, self._monkeypatch) as lambda_context:
            try:
                run_id = str(handler(event, lambda_context)["id"])
            except AttemptFailed as failed:
                run_id = failed.run_id
        return self._attempt(run_id, runs, self._mails[mails:])

    def _attempt(self, run_id: str, before: set[str], mails: list[EmailMessage]) -> Attempt:
        ((state, result, error, due_at, cursor, progress),) = self.query(
            """
            SELECT state, result, error, due_at, cursor, progress FROM job_run WHERE id = :run_id::uuid
            """,
            run_id=run_id,
        )
        log = self.query(
            """
            SELECT level, message FROM job_log
            WHERE run_id = :run_id::uuid AND attempt = (SELECT attempt FROM job_run WHERE id = :run_id::uuid)
            ORDER BY id
            """,
            run_id=run_id,
        )
        others = self.query("SELECT id::text, job, payload, due_at FROM job_run ORDER BY id")
        return Attempt(
            run_id,
            state,
            result,
            error,
            due_at,
            cursor,
            progress,
            [(level, message) for level, message in log],
            [EnqueuedRun(*run) for other, *run in others if other not in {*before, run_id}],
            mails,
        )


class _LambdaContext:
    """What the Lambda runtime hands to a handler."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name = "test"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:test"

    def __init__(self) -> None:
        self.remaining_ms = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@contextmanager
def _time_up_at(checkpoint: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[_LambdaContext]:
    """Count time in checkpoints, so that no test has to wait."""
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
