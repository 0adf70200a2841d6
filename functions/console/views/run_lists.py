"""The lists of runs, and their rows."""

from typing import NamedTuple

from console.forms.run_filter import RunList
from console.views import run as run_view
from slowmatch.db import Connection
from slowmatch.http.errors import Problem
from slowmatch.jobs.model import ListedRun
from slowmatch.jobs.queries import runs
from slowmatch.jobs.queries.run_order import NEWEST_FIRST, RunOrder
from slowmatch.jobs.run_filter import RunFilter

RUN_LISTS = {
    "runs": RunList(None),
    "enqueued": RunList("enqueued", sorts=("due",)),
    "scheduled": RunList("scheduled", has_attempts=True, sorts=("due",)),
    "processing": RunList("processing", has_attempts=True),
    "succeeded": RunList("succeeded"),
    "failed": RunList("failed", has_attempts=True, sorts=("-ended",)),
    "deleted": RunList("deleted"),
    "retries": RunList("scheduled", retrying=True, has_attempts=True, sorts=("due", "-created")),
}


def run_list(name: str) -> RunList:
    """The list of that name. Raises Problem 404 if there is none."""
    if name not in RUN_LISTS:
        raise Problem(404, "Not found", f"the dashboard has no page {name[:60]!r}")
    return RUN_LISTS[name]


class Row(NamedTuple):
    """A run in a list. `attempt` is its last one, and `deletion` how it was deleted, if the list shows them."""

    run: ListedRun
    attempt: runs.LastAttempt | None
    has_expired_lease: bool
    actions: list[str]
    deletion: runs.Deletion | None = None


def find_rows(
    con: Connection,
    wanted: RunFilter,
    limit: int,
    *,
    before: str | None = None,
    has_attempts: bool = True,
    order: RunOrder = NEWEST_FIRST,
) -> tuple[list[Row], str | None]:
    """A page of runs, and the cursor of the next page if there are more."""
    page, now = runs.page(con, wanted, before, limit, order), con.now()
    attempts = runs.last_attempts(con, [run.id for run in page.items]) if has_attempts else {}
    deleted = runs.deletions(con, [run.id for run in page.items if run.state == "deleted"])
    rows = [
        Row(
            run,
            attempts.get(run.id),
            run_view.has_expired_lease(run, now),
            run_view.allowed_actions(run),
            deleted.get(run.id),
        )
        for run in page.items
    ]
    return rows, page.last
