"""The filter of a list of runs: in the address, in the form above the list and in bulk actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, get_args

from console.forms import local_time
from console.forms.form import Form
from console.web.request import address
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, without_nul
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.model import RunState, Trigger
from slowmatch.jobs.run_filter import RunFilter

STATES: tuple[str, ...] = get_args(RunState)
TRIGGERS: tuple[str, ...] = get_args(Trigger)
SIZES = (10, 20, 50, 100, 200)
DEFAULT_SIZE = 20
FIELDS = (
    *("text", "state", "job", "trigger", "error_type"),
    *("from", "from_offset", "from_at", "to", "to_offset", "to_at", "ended_from", "ended_to"),
)


@dataclass
class RunFilterForm(Form):
    """`run_filter` is what the valid fields select; a wrong field selects nothing and has an error."""

    size: int = DEFAULT_SIZE
    before: str | None = None
    run_filter: RunFilter = field(default_factory=RunFilter)

    def address(self, path: str, **changes: Any) -> str:
        """The first page of this filter at `path`, with some fields changed or, if they are None, left out."""
        fields = {**self.values, "size": self.size, **changes}
        return address(path, **{name: value for name, value in fields.items() if value != DEFAULT_SIZE})

    def options(self) -> dict[str, tuple[str, ...]]:
        """The choices of each select, with a job that is no longer in the catalog if it is selected."""
        job = self.values.get("job")
        removed = () if job is None or job in JOBS else (job,)
        return {"job": (*JOBS, *removed), "trigger": TRIGGERS, "state": STATES}


def read(fields: Mapping[str, str], *, state: str | None, retrying: bool | None) -> RunFilterForm:
    """The filter in a query or form; `state` and `retrying` are those of the list."""
    form = RunFilterForm({name: text for name in FIELDS if (text := fields.get(name, "").strip())})
    if state:
        form.values.pop("state", None)
    created_from, created_to = _time(form, "from"), _time(form, "to")
    if created_from and created_to and created_from >= created_to:
        form.errors["to"] = "must be later than the start time"
        created_to = None
    if size := fields.get("size"):
        if size in map(str, SIZES):
            form.size = int(size)
        else:
            form.errors["size"] = f"must be one of {', '.join(map(str, SIZES))}"
    if before := fields.get("before"):
        form.before = parse_run_id(before)
        if form.before is None:
            form.errors["before"] = "is not valid, so the first page is shown"
    form.run_filter = RunFilter(
        state=state or form.value("state", partial(_one_of, STATES)),
        job=form.value("job", _text),
        trigger=form.value("trigger", partial(_one_of, TRIGGERS)),
        created_from=created_from,
        created_to=created_to,
        text=form.value("text", _text),
        retrying=retrying,
        error_type=form.value("error_type", _text),
        ended_from=_time(form, "ended_from"),
        ended_to=_time(form, "ended_to"),
    )
    return form


def _one_of(allowed: tuple[str, ...], text: str) -> str | None:
    if text and text not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return text or None


def _text(text: str) -> str | None:
    if len(text) > MAX_SEARCH_CHARACTERS:
        raise ValueError(f"must have at most {MAX_SEARCH_CHARACTERS} characters")
    return without_nul(text) or None


def _time(form: Form, name: str) -> datetime | None:
    reading = local_time.read(form, name) if name in form.values else None
    return reading and reading.at
