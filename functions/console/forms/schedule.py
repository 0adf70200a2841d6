"""The form that makes or changes a schedule.

The names of its own inputs begin with "schedule-", which no field of a payload does: those have no hyphen.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.forms import job as job_form
from console.forms import local_time
from console.forms.form import Form, Reading, T, whole_number
from slowmatch.http.auth.roles import Identity, job_role
from slowmatch.http.pagination import MAX_BIGINT
from slowmatch.jobs import JOBS
from slowmatch.jobs.schedules import timing
from slowmatch.jobs.schedules.checks import check_name
from slowmatch.jobs.schedules.model import NEW, Schedule
from slowmatch.jobs.schedules.timing import ScheduleError, Timing
from slowmatch.text import to_json

OWN = "schedule-"
REQUIRED = ("name", "job", "expression", "time_zone")


@dataclass
class ScheduleForm(Form):
    """`chosen` is what store.put takes. `was` is what the form was filled with, and `version` of which version."""

    job: str = ""
    chosen: dict[str, Any] = field(default_factory=dict)
    timing: Timing | None = field(default=None, repr=False)  # the ETag is of what is typed

    @property
    def name(self) -> str:
        return self.values.get(f"{OWN}name", "")

    @property
    def version(self) -> int | None:
        text = self.values.get(f"{OWN}version", "")
        return NEW if text == str(NEW) else whole_number(text, MAX_BIGINT) or None

    @property
    def was(self) -> dict[str, Any]:
        """As JSON values; empty for a program that sends the fields only, or anything else."""
        try:
            found = json.loads(self.values.get(f"{OWN}was") or "{}")
        except (ValueError, RecursionError):
            return {}
        is_valid = isinstance(found, dict) and isinstance(found.get("payload") or {}, dict)
        return found if is_valid else {}

    def instant(self, name: str) -> str:
        """The time that the field was filled with, empty for one that a person typed."""
        text = self.values.get(f"{OWN}{name}", "")
        return text if local_time.is_instant(text) else ""

    def check(self, convert: Callable[[], T]) -> T | None:
        """What `convert` returns; None if it raises ScheduleError, which is put at its field."""
        try:
            return convert()
        except ScheduleError as error:
            self.refuse(error)
            return None

    def refuse(self, error: ScheduleError) -> None:
        """Put the error at its field. It names start and end as the form does."""
        of_payload = error.field.removeprefix("payload.")
        message = error.message.replace("starts_at", "the start").replace("ends_at", "the end")
        for name in ("starts_at", "ends_at"):
            if time := _time(self, name):
                message = message.replace(time.at.isoformat(), time.text)
        self.errors[of_payload if of_payload != error.field else f"{OWN}{error.field}"] = message


def empty(identity: Identity, job: str) -> ScheduleForm:
    """The form that makes a schedule of `job`, if the visitor may run it, else of the first job that they may run."""
    allowed = [name for name in JOBS if identity.may(job_role(name))]
    return _filled(
        "",
        {
            "job": job if job in allowed else next(iter(allowed), ""),
            "payload": {},
            "time_zone": "UTC",
            "enabled": True,
        },
        NEW,
    )


def of_schedule(schedule: Schedule) -> ScheduleForm:
    return _filled(schedule.name, schedule.choices(), schedule.version)


def copy_of(schedule: Schedule) -> ScheduleForm:
    """The form that makes a schedule like this one, which still needs a name."""
    return _filled("", schedule.choices(), NEW)


def merged(form: ScheduleForm, current: Schedule) -> ScheduleForm:
    """What is stored now with what the person changed, to be saved over it."""
    theirs, mine, was = current.choices(), form.chosen, form.was
    choices = _changed_by(as_json(mine), was, mine, theirs)
    if mine["job"] == was.get("job") == theirs["job"]:
        payload = mine["payload"]
        choices["payload"] = _changed_by(payload, was.get("payload") or {}, payload, theirs["payload"])
    return _filled(current.name, choices, current.version, was=theirs)


def read(fields: Mapping[str, list[str]]) -> ScheduleForm:
    """What was typed, with an error at each field that is wrong."""
    form = ScheduleForm(job_form.typed(fields))
    for name in REQUIRED:
        if not form.values.get(f"{OWN}{name}"):
            form.errors[f"{OWN}{name}"] = "is required"
    if form.name:
        form.check(lambda: check_name(form.name))
    form.job = form.values.get(f"{OWN}job", "")
    spec = JOBS.get(form.job)
    if spec is None and form.job:
        form.errors[f"{OWN}job"] = f"{form.job!r} is not one of the jobs, which are {', '.join(JOBS)}"
    payload = job_form.read_payload(form, spec) if spec else {}
    form.chosen = {
        "job": form.job,
        "payload": payload,
        "enabled": form.values.get(f"{OWN}enabled") != "false",
    }
    read_timing(form)
    return form


def read_timing(form: ScheduleForm) -> None:
    """Read the expression, its zone, start and end, which the page also says in words while they are typed."""
    starts_at, ends_at = (time and time.at for time in (_time(form, "starts_at"), _time(form, "ends_at")))
    expression, time_zone = (form.values.get(f"{OWN}{name}", "") for name in ("expression", "time_zone"))
    form.chosen |= {
        "expression": expression,
        "time_zone": time_zone,
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    if expression:
        form.check(lambda: timing.parse(expression, "UTC", starts_at, ends_at))
    if time_zone:
        form.timing = form.check(
            lambda: timing.parse(expression or "rate(1 day)", time_zone, starts_at, ends_at)
        )
    if not expression or {f"{OWN}starts_at", f"{OWN}ends_at"} & form.errors.keys():
        form.timing = None


def as_json(choices: Mapping[str, Any]) -> dict[str, Any]:
    """As `was` and the events of a schedule have them."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in choices.items()
    }


def _changed_by(
    compared: Mapping[str, Any], was: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Any]:
    """`theirs`, with `mine` where `compared` differs from what was; None in place of what is left out there."""
    names = dict.fromkeys((*theirs, *compared, *was))
    found = {name: (mine if compared.get(name) != was.get(name) else theirs).get(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _filled(
    name: str, choices: Mapping[str, Any], version: int, was: Mapping[str, Any] | None = None
) -> ScheduleForm:
    job, spec = choices["job"], JOBS.get(choices["job"])
    values = job_form.of_payload(spec, choices["payload"]).values if spec else {}
    own = {
        "name": name,
        "job": job,
        "expression": choices.get("expression", ""),
        "time_zone": choices["time_zone"],
        "enabled": "true" if choices["enabled"] else "false",
        "version": str(version),
        "was": to_json(as_json(was or choices)),
    }
    for each in ("starts_at", "ends_at"):
        own[each] = choices[each].isoformat() if choices.get(each) else ""
    form = ScheduleForm(values | {f"{OWN}{each}": text for each, text in own.items()}, job=job)
    read_timing(form)
    return form


def _time(form: ScheduleForm, name: str) -> Reading | None:
    return local_time.read(form, f"{OWN}{name}") if form.values.get(f"{OWN}{name}") else None
