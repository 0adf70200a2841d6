"""What the run's page says that is not in the run itself: how long, how often, what may be done."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from console.views.formatting import between
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import Attempt, Run, RunDetails

JSON_SHOWN = 50_000
"""Characters of a payload or result that the page shows."""


class JsonText(NamedTuple):
    """The beginning of a payload or result. `size` is the bytes of the whole, when that is not all."""

    text: str
    size: int | None


class Action(NamedTuple):
    """A button: `question` asks before it is done; `admin` says who may."""

    name: str
    label: str
    question: str = ""
    admin: bool = False


_REQUEUE = Action("requeue", "Requeue")
_RUN_NOW = Action("run-now", "Run now")
_DELETE = Action("delete", "Delete", "Delete this run? It will not be carried out.", admin=True)
_STOP = Action(
    "delete",
    "Delete",
    "Delete this run while it works? Its handler is told at its next checkpoint; what it did until then stays.",
    admin=True,
)
_DISCARD = Action(
    "delete", "Delete", "Delete this failed run? It is off the list of failures then.", admin=True
)
_DELETES = {"processing": _STOP, "failed": _DISCARD}


def pretty(value: Any) -> JsonText:
    """JSON for people, up to what is shown: deeply nested JSON grows to many times its size when it is indented."""
    text = ""
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        text += piece
        if len(text) > JSON_SHOWN:
            return JsonText(text[:JSON_SHOWN], len(json.dumps(value, ensure_ascii=False).encode()))
    return JsonText(text, None)


def short(run_id: str) -> str:
    """A run's identifier as lists show it."""
    return f"{run_id[:8]}…{run_id[-4:]}"


def actions(run: Run) -> list[Action]:
    """The buttons that fit the run's state."""
    delete = _DELETES.get(run.state, _DELETE)
    fitting = [each for each in (_RUN_NOW, _REQUEUE, delete) if run.state in ELIGIBLE[each.name]]
    return [each._replace(admin=each.admin or job_role(run.job) == Role.ADMIN) for each in fitting]


def tries(run: Run) -> int:
    """Which of its `max_attempts` tries a run is at, or ended with; 0 before the first."""
    failed = run.failures
    return min(failed + 1, run.max_attempts) if run.state in ("processing", "succeeded") else failed


def figures(run: RunDetails, now: datetime) -> dict[str, Any]:
    """How long the last attempt waited and took, and all attempts together, in milliseconds.

    `late` says that a worker should have ended by now.
    """
    last = run.attempts[-1] if run.attempts else None
    return {
        "tries": tries(run),
        "waited_ms": _waited(run, last),
        "took_ms": last and between(last.started_at, last.finished_at),
        "in_all_ms": between(run.started_at, run.finished_at) if len(run.attempts) > 1 else None,
        "error_type": (run.error or "").partition(":")[0] or None,
        "late": run.lease_until is not None and run.lease_until < now,
        "stopping": _stopping(run),
    }


def attempts(run: RunDetails) -> list[dict[str, Any]]:
    """Newest first, with durations; the last failure is the one to open."""
    listed = [
        {**asdict(each), "ms": between(each.started_at, each.finished_at)} for each in reversed(run.attempts)
    ]
    failures = [each["number"] for each in listed if each["error_message"] or each["traceback"]]
    return [{**each, "open": each["number"] in failures[:1]} for each in listed]


def history(run: RunDetails) -> list[dict[str, Any]]:
    """Newest first, each with the milliseconds since the event before it."""
    events = run.events
    before = [None, *(event.at for event in events)]
    told = [
        {**asdict(event), "ms": between(was, event.at)} for was, event in zip(before, events, strict=False)
    ]
    return told[::-1]


def _waited(run: Run, last: Attempt | None) -> float | None:
    """From when the last attempt was due to its start. A retry that is still to come has not waited."""
    if last is None or run.state in ("scheduled", "enqueued"):
        return None
    first_tick = run.occurrence if last.number == 1 else None
    waited = between(first_tick or run.due_at, last.started_at)
    return None if waited is None else max(waited, 0)


def _stopping(run: RunDetails) -> bool:
    """Deleted while an attempt was at work, which hears of it only at its next checkpoint."""
    last = run.events[-1] if run.events else None
    return bool(last and run.state == "deleted" and last.from_state == "processing")
