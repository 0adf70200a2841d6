"""The rows of runs in any state, as if they had happened before the test."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import new_run_id

RETRY_AFTER = timedelta(seconds=30)
FINAL = ("succeeded", "failed", "deleted")
TRACEBACK = """Traceback (most recent call last):
  File "/opt/python/slowmatch/jobs/worker/executor.py", line 87, in _ending
    result = handler(context)
  File "/opt/python/slowmatch/db/connection.py", line 112, in query
    raise Unavailable(error) from error
"""

Rows = dict[str, list[dict[str, Any]]]
Query = Callable[..., Any]
"""Runs a statement with named parameters."""


def insert(query: Query, rows: Rows) -> None:
    """Insert `rows`, by table."""
    for table, found in rows.items():
        if found:
            names = ", ".join(found[0])
            query(
                f"""
                INSERT INTO {table} ({names})
                SELECT {names} FROM jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:found AS jsonb))
                """,
                found=json.dumps(found, default=str),
            )


def run_rows(
    state: str,
    *,
    run_id: str = "",
    job: str = "db-cleanup",
    ago: timedelta | None = None,
    took: timedelta = timedelta(seconds=1.2),
    error: str = "MailError: the server does not answer",
    payload: dict[str, Any] | None = None,
    by: str = "",
    retries: int = 0,
    progress: dict[str, Any] | None = None,
    lines: tuple[tuple[str, str], ...] = (),
    due: datetime | None = None,
    exclusive: bool = False,
    lease_until: datetime | None = None,
) -> Rows:
    """The rows of one run, by table.

    It was created `ago`, or so that it has just ended, by the person `by` or by its schedule. Each attempt `took`
    that long. `retries` attempts failed before the last one; a scheduled run with retries waits for its next attempt.
    """
    lasted = took + retries * (took + RETRY_AFTER) + timedelta(seconds=0.3)
    created = datetime.now(UTC) - (lasted if ago is None else ago)
    run_id = run_id or new_run_id(int(created.timestamp() * 1000))
    started = state in ("processing", "succeeded", "failed") or retries > 0
    last = 0 if not started else retries + (state != "scheduled")
    failed = state == "failed" or (state == "scheduled" and retries > 0)
    starts = [created + timedelta(seconds=0.2) + number * (took + RETRY_AFTER) for number in range(last)]
    ended = starts[-1] + took if starts else created
    attempts = [_attempt(run_id, number + 1, at, took=took, error=error) for number, at in enumerate(starts)]
    if attempts and not failed:
        attempts[-1] |= {"outcome": "succeeded", "error_type": None, "error_message": None, "traceback": None}
    if state == "processing":
        attempts[-1] |= {"outcome": None, "finished_at": None}
    run = {
        "id": run_id,
        "job": job,
        "state": state,
        "exclusive": exclusive,
        "payload": payload or {},
        "trigger": "console" if by else "schedule",
        "triggered_by": by or "schedule",
        "attempt": last,
        "failures": retries + (state == "failed"),
        "max_attempts": max(JOBS[job].max_attempts if job in JOBS else 11, retries + 1),
        "due_at": due or (datetime.now(UTC) + timedelta(hours=1) if state == "scheduled" else created),
        "message_at": datetime.now(UTC),  # so that the dispatcher does not send it again
        "lease_until": (lease_until or datetime.now(UTC) + timedelta(hours=1))
        if state == "processing"
        else None,
        "created_at": created,
        "started_at": starts[0] if starts else None,
        "finished_at": ended if state in FINAL else None,
        "progress": progress,
        "result": {"deleted": 12} if state == "succeeded" else None,
        "error": error if failed else None,
    }
    return {
        "job_run": [run],
        "job_attempt": attempts,
        "job_event": _events(run, attempts, ended),
        "job_log": [
            {"run_id": run_id, "attempt": last, "at": starts[-1], "level": level, "message": message}
            for level, message in lines
        ],
    }


def _attempt(run_id: str, number: int, at: datetime, *, took: timedelta, error: str) -> dict[str, Any]:
    kind, _, message = error.partition(": ")
    return {
        "run_id": run_id,
        "number": number,
        "worker": "2026/11/24/[$LATEST]5f3c",
        "request_id": "1c8b4f6e",
        "started_at": at,
        "finished_at": at + took,
        "outcome": "failed",
        "error_type": kind,
        "error_message": message,
        "traceback": f"{TRACEBACK}{kind}: {message}\n",
    }


def _events(run: dict[str, Any], attempts: list[dict[str, Any]], ended: datetime) -> list[dict[str, Any]]:
    first = "scheduled" if run["state"] == "scheduled" and not attempts else "enqueued"
    actor, reason = run["triggered_by"], f"created by {run['trigger']}"
    found = [_event(run, run["created_at"], (None, first), reason=reason, actor=actor)]
    state = first
    for attempt in attempts:
        number, started_at = attempt["number"], attempt["started_at"]
        move = (state, "processing")
        found.append(_event(run, started_at, move, reason=f"attempt {number}", actor=attempt["worker"]))
        state = "processing"
        if attempt["outcome"] == "failed" and number <= run["failures"] and number < run["max_attempts"]:
            is_final = run["state"] == "failed" and attempt is attempts[-1]
            state = "failed" if is_final else "scheduled"
            retry = f"retry {number} of 10 in 30 s: {attempt['error_message']}"
            reason = f"permanent error: {run['error']}" if is_final else retry
            move = ("processing", state)
            found.append(_event(run, attempt["finished_at"], move, reason=reason, actor="worker"))
    if run["state"] == "succeeded":
        move = ("processing", "succeeded")
        found.append(_event(run, ended, move, reason="the handler returned", actor="worker"))
    if run["state"] == "deleted":
        found.append(_event(run, ended, (state, "deleted"), reason="delete", actor=actor))
    return found


def _event(
    run: dict[str, Any], at: datetime, move: tuple[str | None, str], *, reason: str, actor: str
) -> dict[str, Any]:
    before, after = move
    return {
        "run_id": run["id"],
        "at": at,
        "from_state": before,
        "to_state": after,
        "reason": reason,
        "actor": actor,
    }
