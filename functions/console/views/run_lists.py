"""The lists of runs: their columns and their rows."""

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
    """A list of runs; `columns` are those of run_columns.html."""

    name: str
    columns: tuple[str, ...]

    @property
    def state(self) -> RunState | None:
        return "scheduled" if self.retrying else next((state for state in STATES if state == self.name), None)

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


_COLUMNS = {
    "runs": "id state job trigger created took",
    "enqueued": "id state job trigger enqueued",
    "scheduled": "id due job reason since",
    "processing": "id worker job started progress",
    "succeeded": "id job duration latency finished",
    "failed": "id job error finished",
    "deleted": "id job trigger created finished",
    "retries": "id state job reason due created",
}
RUN_LISTS = {name: RunList(name, tuple(columns.split())) for name, columns in _COLUMNS.items()}


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
    page, now = runs.page(con, wanted, before, limit), con.now()
    has_attempt = not ATTEMPT_COLUMNS.isdisjoint(columns)
    attempts = runs.last_attempts(con, [run.id for run in page.items]) if has_attempt else {}
    rows = [
        Row(run, attempts.get(run.id), run_view.has_expired_lease(run, now), run_view.actions(run))
        for run in page.items
    ]
    return rows, page.last
