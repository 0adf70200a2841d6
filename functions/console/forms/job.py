"""The form that runs a job: made from the catalog's fields, read back into a payload and a time.

The names of its own inputs have a hyphen, so that they differ from every field of a payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.forms import local_time
from console.forms.local_time import Readings
from slowmatch.http.auth.roles import Identity
from slowmatch.jobs.definition import Job
from slowmatch.jobs.fields import Field
from slowmatch.settings import settings

FURTHEST = timedelta(days=366)
_INPUT_TYPES = {"integer": "number", "number": "number", "date": "date", "time": "time"}
MINUTES_MAX = int(FURTHEST / timedelta(minutes=1))


def empty(who: Identity, job: str | None = None) -> dict[str, Any]:
    """The form as it is first seen: a test mail goes to whoever asks for it, where the sign-in names an address."""
    values = {"to": who.name} if job == "send-test-mail" and "@" in who.name else {}
    return {"values": values, "errors": {}, "choices": {}}


@dataclass
class Asked:
    """What the form says. `values` are as typed; `errors` are words by the field's name in the form."""

    values: dict[str, str]
    payload: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    said: str = "started"
    errors: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Readings] = field(default_factory=dict)

    def again(self) -> dict[str, Any]:
        """The form with what was typed, the errors, and what an unclear time may mean."""
        return {"values": self.values, "errors": self.errors, "choices": self.choices}


def inputs(spec: Job) -> list[dict[str, Any]]:
    """One input for each field of the job's payload. The placeholder is what counts when it stays empty."""
    return [
        {
            "name": name,
            "label": name.replace("_", " ").capitalize() + (" (required)" if each.required else ""),
            "kind": each.kind,
            "help": each.description[:1].upper() + each.description[1:],
            "type": _INPUT_TYPES.get(each.kind, "text"),
            "choices": each.bounds.get("enum", ()),
            "attributes": _attributes(each) | {"placeholder": _placeholder(spec.name, name)},
            "default": "" if each.default is None else each.to_text(each.default),
            "says_no": each.kind == "boolean" and (each.required or each.default is True),
        }
        for name, each in spec.payload.items()
    ]


def _attributes(each: Field) -> dict[str, Any]:
    """What the browser checks, as HTML's attributes. None leaves an attribute out."""
    bounds = each.bounds
    return {
        "min": bounds.get("minimum"),
        "max": bounds.get("maximum"),
        "step": {"integer": 1, "number": "any"}.get(each.kind),
        "maxlength": bounds.get("maxLength"),
        "required": "" if each.required else None,
        "autocomplete": "off" if each.kind in ("text", "addresses") else None,
    }


def read(form: Mapping[str, list[str]], spec: Job, now: datetime) -> Asked:
    """What was asked for; with errors nothing of it is to be done."""
    values = {name: typed[-1].strip() for name, typed in form.items() if typed}
    asked = Asked(values)
    for name, each in spec.payload.items():
        if text := values.get(name):
            _take(asked, name, each, text)
        elif each.required:
            asked.errors[name] = "is required"
    _time(asked, now)
    return asked


def _take(asked: Asked, name: str, each: Field, text: str) -> None:
    value = each.from_text(text)
    problem = each.problem(value)
    if problem:
        asked.errors[name] = problem
    else:
        asked.payload[name] = value


def _time(asked: Asked, now: datetime) -> None:
    minutes, date = asked.values.get("delay-minutes"), asked.values.get("run-at")
    if minutes and date:
        asked.errors["run-at"] = "give minutes or a date, not both"
    elif minutes:
        _after(asked, minutes, now)
    elif date:
        _at(asked, now)


def _after(asked: Asked, text: str, now: datetime) -> None:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MINUTES_MAX):
        asked.errors["delay-minutes"] = f"must be a whole number from 1 to {MINUTES_MAX:,}"
        return
    asked.due_at = now + timedelta(minutes=int(text))
    asked.said = f"starts in {text} minute{'s' if int(text) > 1 else ''}"


def _at(asked: Asked, now: datetime) -> None:
    due = local_time.read(asked, "run-at")
    if due is None:
        return
    if not now < due.at <= now + FURTHEST:
        asked.errors["run-at"] = "must lie in the future, a year from now at most"
        return
    asked.due_at = due.at
    asked.said = f"starts at {due.words}"


def _placeholder(job: str, name: str) -> str | None:
    """What a job of Slowmatch takes from the stack's settings when the field stays empty."""
    configured = settings()
    match job, name:
        case "record-expiry", "batch_size":
            return str(configured.batch_size)
        case "db-cleanup", "older_than_days":
            return str(configured.record_retention_days)
        case ("daily-summary", "recipients") | ("send-test-mail", "to"):
            return ", ".join(configured.mail_recipients) or None
        case _:
            return None
