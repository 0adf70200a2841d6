"""The filter of a list of runs: in the address, in the form above the list and in bulk actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, get_args

from console.forms import local_time
from console.forms.form import Form
from console.web.request import address
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, without_nul
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import RunState, Trigger
from slowmatch.jobs.queries.run_order import RunOrder
from slowmatch.jobs.run_filter import RunFilter

STATES: tuple[str, ...] = get_args(RunState)
TRIGGERS: tuple[str, ...] = get_args(Trigger)
SIZES = (10, 20, 50, 100, 200)
DEFAULT_SIZE = 20
PRESETS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
FIELDS = (
    *("text", "state", "job", "schedule", "trigger", "error_type", "last", "bulk"),
    *("from", "from_offset", "from_at", "to", "to_offset", "to_at", "ended_from", "ended_to"),
)
SORTS = {"created": "id", "due": "due_at", "ended": "finished_at"}
"""The column of job_run by the name of a sort; with a minus in front it is descending."""


@dataclass(frozen=True, slots=True)
class RunList:
    """A list of the runs in `state`, None for all.

    `sorts` are the orders that an index carries, the usual one first. `has_attempts` says whether a column shows the
    last attempt.
    """

    state: str | None
    retrying: bool | None = None
    has_attempts: bool = False
    sorts: tuple[str, ...] = ("-created",)

    @property
    def actions(self) -> list[str]:
        """What can be done to at least some runs of this list."""
        return [action for action, states in ELIGIBLE.items() if self.state in (None, *states)]


@dataclass
class RunFilterForm(Form):
    """`run_filter` is what the valid fields select; a wrong field selects nothing and has an error."""

    usual_sort: str = "-created"
    sort: str = "-created"
    size: int = DEFAULT_SIZE
    before: str | None = None
    run_filter: RunFilter = field(default_factory=RunFilter)

    @property
    def order(self) -> RunOrder:
        return RunOrder(SORTS[self.sort.removeprefix("-")], self.sort.startswith("-"))

    def address(self, path: str, **changes: Any) -> str:
        """The first page of this filter at `path`, with some fields changed or, if they are None, left out."""
        fields = {**self.values, "sort": self.sort, "size": self.size, **changes}
        usual = {"sort": self.usual_sort, "size": DEFAULT_SIZE}
        return address(path, **{name: value for name, value in fields.items() if value != usual.get(name)})

    def without(self, path: str, *names: str) -> str:
        """The address of the list without these fields of the filter."""
        return self.address(path, **dict.fromkeys(names))

    def fixed_values(self) -> dict[str, str]:
        """The fields for a bulk action, in which a time span that ends now has its beginning."""
        given, at = dict(self.values), self.run_filter.created_from
        return given | {"from": at.isoformat()} if given.pop("last", None) and at else given

    def options(self) -> dict[str, tuple[str, ...]]:
        """The choices of each select, with a job that is no longer in the catalog if it is selected."""
        job = self.values.get("job")
        removed = () if job is None or job in JOBS else (job,)
        return {"job": (*JOBS, *removed), "trigger": TRIGGERS, "state": STATES}


def read(fields: Mapping[str, str], run_list: RunList, now: datetime) -> RunFilterForm:
    """The filter of a list in a query or form."""
    form = RunFilterForm({name: text for name in FIELDS if (text := fields.get(name, "").strip())})
    if run_list.state:
        form.values.pop("state", None)
    created_from, created_to = _times(form, now)
    _read_page(form, run_list, fields)
    form.run_filter = RunFilter(
        state=run_list.state or form.value("state", partial(_one_of, STATES)),
        job=form.value("job", _text),
        schedule=form.value("schedule", _text),
        trigger=form.value("trigger", partial(_one_of, TRIGGERS)),
        created_from=created_from,
        created_to=created_to,
        text=form.value("text", _text),
        retrying=run_list.retrying,
        error_type=form.value("error_type", _text),
        ended_from=_time(form, "ended_from"),
        ended_to=_time(form, "ended_to"),
        bulk_action=form.value("bulk", _bulk_action),
    )
    return form


def _read_page(form: RunFilterForm, run_list: RunList, fields: Mapping[str, str]) -> None:
    """Which page of the list, of which size and in which order."""
    form.usual_sort = form.sort = run_list.sorts[0]
    if sort := fields.get("sort"):
        if sort.removeprefix("-") in {each.removeprefix("-") for each in run_list.sorts}:
            form.sort = sort
        else:
            form.errors["sort"] = "is not possible here, so the usual order is shown"
    if size := fields.get("size"):
        if size in map(str, SIZES):
            form.size = int(size)
        else:
            form.errors["size"] = f"must be one of {', '.join(map(str, SIZES))}"
    if before := fields.get("before"):
        try:
            form.order.after(before)
        except ValueError:
            form.errors["before"] = "is not valid, so the first page is shown"
        else:
            form.before = before


def _times(form: RunFilterForm, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the runs were created. A time span up to now gives way to a time that was entered."""
    created_from, created_to = _time(form, "from"), _time(form, "to")
    if created_from and created_to and created_from >= created_to:
        form.errors["to"] = "must be later than the start time"
        created_to = None
    if "from" in form.values or "to" in form.values:
        form.values.pop("last", None)
    elif last := form.value("last", partial(_one_of, tuple(PRESETS))):
        # By the minute, so that the pages of the next seconds are the same page.
        created_from = now.replace(second=0, microsecond=0) - PRESETS[last]
    return created_from, created_to


def _one_of(allowed: tuple[str, ...], text: str) -> str | None:
    if text and text not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return text or None


def _text(text: str) -> str | None:
    if len(text) > MAX_SEARCH_CHARACTERS:
        raise ValueError(f"must have at most {MAX_SEARCH_CHARACTERS} characters")
    return without_nul(text) or None


def _bulk_action(text: str) -> str | None:
    found = parse_run_id(text)
    if text and found is None:
        raise ValueError("must be the ID of a bulk action")
    return found


def _time(form: Form, name: str) -> datetime | None:
    reading = local_time.read(form, name) if name in form.values else None
    return reading and reading.at
