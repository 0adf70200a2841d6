"""What a run's page shows beside the run itself: its buttons, why it waits, its payload and its result."""

import json
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from console.web.request import current_request
from slowmatch.db import Connection
from slowmatch.db.snapshot_cache import cached
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.lifecycle.disabled_jobs import disabled_jobs
from slowmatch.jobs.model import ListedRun, Run, RunDetails
from slowmatch.jobs.queries import runs
from slowmatch.jobs.queries.workers import MAX_ATTEMPT

R = TypeVar("R")
JSON_MAX_CHARACTERS = 50_000
"""How much of a payload or result the page shows."""

ACTIONS = {
    "requeue": ELIGIBLE["requeue"],
    "run-now": ELIGIBLE["run-now"],
    "stop": ("processing",),
    "delete": tuple(state for state in ELIGIBLE["delete"] if state != "processing"),
}
"""The states that each action on a single run starts from. A run that is processing is stopped, not deleted."""


class JsonText(NamedTuple):
    """The beginning of a payload or result. `size` is the size of the whole in bytes, if this is not all of it."""

    text: str
    size: int | None


class Wait(NamedTuple):
    """Why a run waits: the run before it, why its job cannot run, and who paused its job's schedule."""

    behind: str | None
    is_removed: bool
    disabled: str | None
    paused: str | None


def find_run(con: Connection, run_id: str) -> Run:
    """The run at an address. Raises Problem 404."""
    return found(run_id, runs.find(con, parse_id(run_id)))


def parse_id(text: str) -> str:
    """The run ID in an address. Raises Problem 404."""
    run_id = parse_run_id(text)
    if run_id is None:
        raise Problem(404, "No such run", f"{text[:60]!r} is not a valid run ID")
    return run_id


def found(run_id: str, run: R | None) -> R:
    """What was found of a run. Raises Problem 404 for None."""
    if run is None:
        reason = f"there is no run {run_id}; old runs are deleted after their retention period"
        raise Problem(404, "No such run", reason)
    return run


def wait(con: Connection, run: ListedRun) -> Wait:
    return cached(
        con,
        ("wait", run.job),
        lambda: Wait(
            runs.blocking_run(con, run.job),
            run.job not in JOBS,
            disabled_jobs(con).get(run.job),
            pause.describe_pause(con, run.job),
        ),
    )


def may_still_work(run: RunDetails, now: datetime) -> bool:
    """Whether the handler of a stopped run may not have noticed yet."""
    started_at = run.attempts[-1].started_at if run.attempts else run.created_at
    return run.handler_ended_at is None and now < started_at + MAX_ATTEMPT


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
    return Role.ADMIN if action in ("stop", "delete") else job_role(job)


def allowed_actions(run: ListedRun) -> list[str]:
    """The actions that fit the run's state and that the visitor may take."""
    may = current_request().identity.may
    return [
        action
        for action, states in ACTIONS.items()
        if run.state in states and may(action_role(action, run.job))
    ]


def may_run_again(run: ListedRun) -> bool:
    """Whether the visitor may make a new run of the run's job."""
    return run.job in JOBS and current_request().identity.may(job_role(run.job))


def has_expired_lease(run: ListedRun, now: datetime) -> bool:
    """Whether the run's worker should have ended by now."""
    return run.lease_until is not None and run.lease_until < now
