"""What a run's page shows beside the run itself: its buttons, its payload and its result."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from console.web.request import current_request
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import ListedRun

JSON_MAX_CHARACTERS = 50_000
"""How much of a payload or result the page shows."""


class JsonText(NamedTuple):
    """The beginning of a payload or result. `size` is the size of the whole in bytes, if this is not all of it."""

    text: str
    size: int | None


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


def action_role(action: str, job: str) -> Role:
    """The role that an action on a run of `job` requires."""
    return Role.ADMIN if action == "delete" else job_role(job)


def allowed_actions(run: ListedRun) -> list[str]:
    """The actions that fit the run's state and that the visitor may take."""
    may = current_request().identity.may
    return [
        action
        for action, states in ELIGIBLE.items()
        if run.state in states and may(action_role(action, run.job))
    ]


def has_expired_lease(run: ListedRun, now: datetime) -> bool:
    """Whether the run's worker should have ended by now."""
    return run.lease_until is not None and run.lease_until < now
