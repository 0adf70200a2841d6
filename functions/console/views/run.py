"""What a run's page shows beside the run itself: durations, buttons, attempts and history with their times."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from console.views.formatting import ms_until
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import Attempt, ListedRun, RunDetails

JSON_MAX_CHARACTERS = 50_000
"""How much of a payload or result the page shows."""


class JsonText(NamedTuple):
    """The beginning of a payload or result. `size` is the size of the whole in bytes, if this is not all of it."""

    text: str
    size: int | None


class Action(NamedTuple):
    """A button for those who have `role`; it asks `question` first, if there is one."""

    name: str
    label: str
    role: Role
    question: str = ""


_DELETE_QUESTIONS = {
    "processing": "Delete this run while it is being processed? Its handler will stop at the next checkpoint;"
    " anything it has done by then is not undone.",
    "failed": "Delete this failed run? It will no longer be listed as failed.",
}


def format_json(value: Any) -> JsonText:
    """Indented JSON, cut as soon as it is too long: deep nesting makes it many times longer than the value."""
    text = ""
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) > JSON_MAX_CHARACTERS:
            return JsonText(text[:JSON_MAX_CHARACTERS], len(json.dumps(value, ensure_ascii=False).encode()))
    return JsonText(text, None)


def short_id(run_id: str) -> str:
    """A run's id as lists show it."""
    return f"{run_id[:8]}…{run_id[-4:]}"


def actions(run: ListedRun) -> list[Action]:
    """The buttons that fit the run's state."""
    question = _DELETE_QUESTIONS.get(run.state, "Delete this run? It will not start.")
    every = (
        Action("run-now", "Run now", job_role(run.job)),
        Action("requeue", "Requeue", job_role(run.job)),
        Action("delete", "Delete", Role.ADMIN, question),
    )
    return [action for action in every if run.state in ELIGIBLE[action.name]]


def has_expired_lease(run: ListedRun, now: datetime) -> bool:
    """Whether the run's worker should have ended by now."""
    return run.lease_until is not None and run.lease_until < now


def attempt_number(run: ListedRun) -> int:
    """Which of its `max_attempts` attempts a run is at, or ended with; 0 before the first."""
    if run.state in ("processing", "succeeded"):
        return min(run.failures + 1, run.max_attempts)
    return run.failures


def page_data(run: RunDetails, now: datetime) -> dict[str, Any]:
    """Variables of run.html. The last attempt waited `waited_ms` and took `took_ms`; `total_ms` is with retries."""
    last = run.attempts[-1] if run.attempts else None
    return {
        "actions": actions(run),
        "attempts": _attempts(run),
        "history": _history(run),
        "attempt_number": attempt_number(run),
        "waited_ms": _waited_ms(run, last),
        "took_ms": last and ms_until(last.started_at, last.finished_at),
        "total_ms": ms_until(run.started_at, run.finished_at) if len(run.attempts) > 1 else None,
        "error_type": (run.error or "").partition(":")[0] or None,
        "has_expired_lease": has_expired_lease(run, now),
        "was_deleted_while_processing": _was_deleted_while_processing(run),
    }


def _attempts(run: RunDetails) -> list[dict[str, Any]]:
    """Newest first; the last failure is open."""
    failed = [attempt.number for attempt in run.attempts if attempt.error_message or attempt.traceback]
    return [
        {
            "attempt": attempt,
            "ms": ms_until(attempt.started_at, attempt.finished_at),
            "is_open": attempt.number in failed[-1:],
        }
        for attempt in reversed(run.attempts)
    ]


def _history(run: RunDetails) -> list[dict[str, Any]]:
    """Newest first, each event with the milliseconds since the one before."""
    times = [None, *(event.at for event in run.events)]
    return [
        {"event": event, "ms": ms_until(before, event.at)}
        for before, event in zip(times, run.events, strict=False)
    ][::-1]


def _waited_ms(run: RunDetails, last: Attempt | None) -> float | None:
    """From when the last attempt was due to its start; None while the run waits for another."""
    if last is None or run.state in ("scheduled", "enqueued"):
        return None
    due_at = run.occurrence if last.number == 1 and run.occurrence else run.due_at
    waited = ms_until(due_at, last.started_at)
    return None if waited is None else max(waited, 0)


def _was_deleted_while_processing(run: RunDetails) -> bool:
    last = run.events[-1] if run.events else None
    return last is not None and run.state == "deleted" and last.from_state == "processing"
