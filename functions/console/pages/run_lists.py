"""The lists of runs by state: filter, pages and bulk actions."""

from typing import Any

from console.forms import run_filter
from console.views.run_lists import RUN_LISTS, RunList, find_rows
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import Connection, connection
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import queue_depths, runs
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.settings import settings


@router.get("/dashboard/<name>")
def run_list_page(name: str) -> render.Page:
    if name not in RUN_LISTS:
        raise Problem(404, "Not found", f"the dashboard has no page {name!r}")
    request, con, shown = current_request(), connection(), RUN_LISTS[name]
    form = run_filter.read(request.query, state=shown.state, retrying=shown.retrying)
    rows, last = find_rows(con, form.run_filter, form.size, before=form.before, columns=shown.columns)
    return render.page(
        "run_list.html",
        con=con,
        run_list=shown,
        form=form,
        sizes=run_filter.SIZES,
        rows=rows,
        next=form.address(request.path, before=last) if last else None,
        counts=runs.counts(con),
        queues=queue_depths.waiting_runs(con, con.now()) if name == "enqueued" else None,
        retention_days=_retention_days(name),
        bulk_actions=_bulk_actions(con, shown, form.run_filter if last or form.before else None)
        if request.identity.may(Role.ADMIN)
        else None,
    )


def _retention_days(name: str) -> int | None:
    """How long the runs of this list are kept; None if they have not ended."""
    if name == "failed":
        return settings().failed_run_retention_days
    return settings().run_retention_days if name in ("succeeded", "deleted") else None


def _bulk_actions(con: Connection, run_list: RunList, all_pages: RunFilter | None) -> dict[str, Any]:
    """The bulk actions of this list, each with how many runs of all pages it would change if there are several."""
    return {name: all_pages and actions.bulk_count(con, all_pages, name) for name in run_list.actions}
