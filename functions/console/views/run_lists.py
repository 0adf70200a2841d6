"""The lists of runs: their columns, what they say when they are empty, and their rows."""

from dataclasses import dataclass
from typing import NamedTuple, get_args

from console.views import run as run_view
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import ListedRun, RunState
from slowmatch.jobs.queries import runs
from slowmatch.jobs.run_filter import RunFilter

STATES: tuple[RunState, ...] = get_args(RunState)
ATTEMPT_COLUMNS = {"worker", "progress", "started", "since", "error", "reason"}
"""Columns that show the run's last attempt."""


@dataclass(frozen=True, slots=True)
class RunList:
    """A list of runs: `columns` are those of run_columns.html, `if_empty` says what would be listed."""

    name: str
    columns: tuple[str, ...]
    if_empty: str
    state: RunState | None

    @property
    def title(self) -> str:
        return "All runs" if self.name == "runs" else self.name.capitalize()

    @property
    def retrying(self) -> bool | None:
        return True if self.name == "retries" else None

    @property
    def actions(self) -> tuple[str, ...]:
        """What can be done to at least some runs of this list."""
        return tuple(name for name, states in ELIGIBLE.items() if self.state in (None, *states))


def _list(name: str, columns: str, if_empty: str) -> RunList:
    state = "scheduled" if name == "retries" else next((state for state in STATES if state == name), None)
    return RunList(name, tuple(columns.split()), if_empty, state)


_LISTS = (
    _list(
        "runs",
        "id state job trigger created took",
        "All runs of all jobs are listed here, newest first. There are none yet: a schedule will start the first one,"
        " or you can start one on a job's page.",
    ),
    _list(
        "enqueued",
        "id state job trigger enqueued",
        "Runs that are due and waiting for a worker are listed here.",
    ),
    _list(
        "scheduled",
        "id due job reason since",
        "Runs that are due later are listed here: delayed runs and retries.",
    ),
    _list(
        "processing",
        "id worker job started progress",
        "Runs that a worker is processing are listed here with their progress. There are none right now.",
    ),
    _list("succeeded", "id job duration latency finished", "Runs that succeeded are listed here."),
    _list(
        "failed",
        "id job error finished",
        "Runs whose last attempt failed are listed here, so that you can requeue or delete them.",
    ),
    _list(
        "deleted",
        "id job trigger created finished",
        "Deleted runs are listed here, along with scheduled runs that were skipped because the job was"
        " still running.",
    ),
    _list(
        "retries",
        "id state job reason due created",
        "Runs that failed and are waiting for their next attempt are listed here with the error.",
    ),
)
RUN_LISTS = {run_list.name: run_list for run_list in _LISTS}


class Row(NamedTuple):
    """A run in a list. `attempt` is its last one, if the list shows anything of it."""

    run: ListedRun
    attempt: runs.LastAttempt | None
    has_expired_lease: bool
    actions: list[run_view.Action]


def find_rows(
    con: Connection,
    wanted: RunFilter,
    limit: int,
    *,
    before: str | None = None,
    columns: tuple[str, ...] = ("error",),
) -> tuple[list[Row], str | None]:
    """A page of runs, newest first, and the id of the last one if there are more."""
    page = runs.page(con, wanted, before, limit)
    has_attempt = bool(ATTEMPT_COLUMNS & set(columns))
    attempts = runs.last_attempts(con, [run.id for run in page.items]) if has_attempt else {}
    now = con.now()
    rows = [
        Row(run, attempts.get(run.id), run_view.has_expired_lease(run, now), run_view.actions(run))
        for run in page.items
    ]
    return rows, page.last
