"""What a person typed into the form that runs a job, whose inputs are the fields of the job's payload.

The names of the form's own inputs have a hyphen, which no field of a payload has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.forms import local_time
from console.forms.form import Form, whole_number
from slowmatch.http.auth.roles import Identity
from slowmatch.jobs.definition import Job
from slowmatch.text import to_json

MAX_DELAY = timedelta(days=366)
MAX_DELAY_MINUTES = int(MAX_DELAY / timedelta(minutes=1))


@dataclass
class JobForm(Form):
    """A request to run a job, which counts only without errors. `due_at` is None for now."""

    payload: dict[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    confirmation: str = ""


def empty(identity: Identity, job: str) -> JobForm:
    """The form before anything is typed. A test mail goes to the person who sends it, if the sign-in has an address."""
    return JobForm({"to": identity.name} if job == "send-test-mail" and "@" in identity.name else {})


def of_payload(job: Job, payload: Mapping[str, Any]) -> JobForm:
    """The form filled in with the payload of an earlier run; a value that the job no longer accepts as JSON."""
    form = JobForm()
    for name, each in job.payload.items():
        if name in payload:
            value = payload[name]
            form.values[name] = to_json(value) if each.problem(value) else each.to_text(value)
    return form


def read(fields: Mapping[str, list[str]], job: Job, now: datetime) -> JobForm:
    form = JobForm(typed(fields))
    form.payload = read_payload(form, job)
    _read_due_time(form, now)
    return form


def typed(fields: Mapping[str, list[str]]) -> dict[str, str]:
    """The last value of each field, stripped."""
    return {name: values[-1].strip() for name, values in fields.items() if values}


def read_payload(form: Form, job: Job) -> dict[str, Any]:
    """The valid fields of the payload; the others have an error in `form`."""
    payload = {}
    for name, each in job.payload.items():
        if text := form.values.get(name):
            value = each.from_text(text)
            if problem := each.problem(value):
                form.errors[name] = problem
            else:
                payload[name] = value
        elif each.required:
            form.errors[name] = "is required"
    return payload


def _read_due_time(form: JobForm, now: datetime) -> None:
    minutes, date = form.values.get("delay-minutes"), form.values.get("run-at")
    if minutes and date:
        form.errors["run-at"] = "enter minutes or a time, not both"
    elif minutes:
        if number := whole_number(minutes, MAX_DELAY_MINUTES):
            form.due_at = now + timedelta(minutes=number)
            form.confirmation = f"starts in {minutes} minute{'s' if number > 1 else ''}"
        else:
            form.errors["delay-minutes"] = f"must be a whole number from 1 to {MAX_DELAY_MINUTES:,}"
    elif date and (due := local_time.read(form, "run-at")):
        if now < due.at <= now + MAX_DELAY:
            form.due_at = due.at
            form.confirmation = f"starts at {due.text}"
        else:
            form.errors["run-at"] = "must be in the future, and at most a year from now"
