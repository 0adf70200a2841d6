"""The lists of runs, and their rows."""

from dataclasses import dataclass
from typing import NamedTuple

from console.views import run as run_view
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.model import ListedRun
from slowmatch.jobs.queries import runs
from slowmatch.jobs.run_filter import RunFilter


@dataclass(frozen=True, slots=True)
class RunList:
    """A list of the runs in `state`, None for all. `has_attempts` says whether a column shows the last attempt."""

    state: str | None
    retrying: bool | None = None
    has_attempts: bool = False

    @property
    def actions(self) -> list[str]:
        """What can be done to at least some runs of this list."""
        return [action for action, states in ELIGIBLE.items() if self.state in (None, *states)]


RUN_LISTS = {
    "runs": RunList(None),
    "enqueued": RunList("enqueued"),
    "scheduled": RunList("scheduled", has_attempts=True),
    "processing": RunList("processing", has_attempts=True),
    "succeeded": RunList("succeeded"),
    "failed": RunList("failed", has_attempts=True),
    "deleted": RunList("deleted"),
    "retries": RunList("scheduled", retrying=True, has_attempts=True),
}


class Row(NamedTuple):
    """A run in a list. `attempt` is its last one, if the list shows anything of it."""

    run: ListedRun
    attempt: runs.LastAttempt | None
    has_expired_lease: bool
    actions: list[str]


def find_rows(
    con: Connection, wanted: RunFilter, limit: int, *, before: str | None = None, has_attempts: bool = True
) -> tuple[list[Row], str | None]:
    """A page of runs, newest first, and the id of the last one if there are more."""
    page, now = runs.page(con, wanted, before, limit), con.now()
    attempts = runs.last_attempts(con, [run.id for run in page.items]) if has_attempts else {}
    rows = [
        Row(run, attempts.get(run.id), run_view.has_expired_lease(run, now), run_view.allowed_actions(run))
        for run in page.items
    ]
    return rows, page.last
