"""The filter of a list of runs: as it stands in the URL, in the form above the list and in bulk actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from console.forms import local_time
from console.forms.local_time import Readings
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, without_nul
from slowmatch.jobs.catalog import JOBS
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.run_filter import RunFilter

STATES = ("enqueued", "scheduled", "processing", "succeeded", "failed", "deleted")
TRIGGERS = ("schedule", "api", "console", "direct")
SIZES = (10, 20, 50, 100, 200)
SIZE = 20
FIELDS = (
    *("text", "state", "job", "trigger", "error_type"),
    *("from", "from_offset", "from_at", "to", "to_offset", "to_at"),
)


@dataclass
class Filter:
    """What was asked for: `values` as typed, `errors` in words by field, `wanted` as it counts.

    `choices` are what an unclear time may mean.
    """

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Readings] = field(default_factory=dict)
    size: int = SIZE
    before: str | None = None
    wanted: RunFilter = field(default_factory=RunFilter)
    created_from: datetime | None = None
    created_to: datetime | None = None

    @property
    def narrows(self) -> bool:
        """Whether the person asked for less than the whole list."""
        return any(self.values.values())

    def address(self, path: str, **changes: Any) -> str:
        """`path` with this filter; `changes` replace fields, None leaves one out, and the page begins anew."""
        kept: dict[str, Any] = {**self.values, "size": self.size if self.size != SIZE else None, **changes}
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"{path}?{query}" if query else path


def read(found: Mapping[str, str], *, state: str | None = None, retrying: bool | None = None) -> Filter:
    """The filter in a query or form. `state` and `retrying` are the list's own, and no field of it.

    A wrong value narrows nothing and has its error.
    """
    values = {name: text for name in FIELDS if (text := found.get(name, "").strip())}
    if state:
        values.pop("state", None)
    asked = Filter(values)
    asked.created_from = _moment(asked, "from")
    asked.created_to = _moment(asked, "to")
    if asked.created_from and asked.created_to and asked.created_from >= asked.created_to:
        asked.errors["to"] = "must be later than the time before it"
        asked.created_to = None
    asked.size = _size(asked, found.get("size", ""))
    asked.before = _before(asked, found.get("before", ""))
    asked.wanted = RunFilter(
        state=state or _one_of(asked, "state", STATES),
        job=_short(asked, "job"),
        trigger=_one_of(asked, "trigger", TRIGGERS),
        created_from=asked.created_from,
        created_to=asked.created_to,
        text=_short(asked, "text"),
        retrying=retrying,
        error_type=_short(asked, "error_type"),
    )
    return asked


def choices(asked: Filter) -> dict[str, tuple[str, ...]]:
    """What the form offers; a job that is in the catalog no more stays chosen."""
    job = asked.values.get("job")
    jobs = (*JOBS, *([job] if job and job not in JOBS else []))
    return {"job": jobs, "trigger": TRIGGERS, "state": STATES}


def _one_of(asked: Filter, name: str, allowed: tuple[str, ...]) -> str | None:
    value = asked.values.get(name)
    if value is None or value in allowed:
        return value
    asked.errors[name] = f"must be one of {', '.join(allowed)}"
    return None


def _short(asked: Filter, name: str) -> str | None:
    value = asked.values.get(name)
    if value is None:
        return None
    if len(value) > MAX_SEARCH_CHARACTERS:
        asked.errors[name] = f"must have at most {MAX_SEARCH_CHARACTERS} characters"
        return None
    try:
        return without_nul(value)
    except ValueError as error:
        asked.errors[name] = str(error)
        return None


def _moment(asked: Filter, name: str) -> datetime | None:
    if name not in asked.values:
        return None
    reading = local_time.read(asked, name)
    return reading and reading.at


def _size(asked: Filter, text: str) -> int:
    if not text:
        return SIZE
    if text in map(str, SIZES):
        return int(text)
    asked.errors["size"] = f"must be one of {', '.join(map(str, SIZES))}"
    return SIZE


def _before(asked: Filter, text: str) -> str | None:
    found = parse_run_id(text)
    if text and found is None:
        asked.errors["before"] = "is not a page of this list; this is its start"
    return found
