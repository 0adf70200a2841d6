"""What a run's page shows beside the run itself: its buttons, its payload and result, and how long it waited."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import ListedRun, RunDetails

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


def waited_ms(run: RunDetails) -> float | None:
    """From when the last attempt was due to its start; None while the run waits for another."""
    if not run.attempts or run.state in ("scheduled", "enqueued"):
        return None
    last = run.attempts[-1]
    due_at = run.occurrence if last.number == 1 and run.occurrence else run.due_at
    return max((last.started_at - due_at).total_seconds() * 1000, 0)
