"""The lists of runs by state: filter, pages and bulk actions."""

from console.forms import run_filter
from console.views.run_lists import RUN_LISTS, find_rows
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import queue_depths, runs
from slowmatch.settings import settings


@router.get("/dashboard/<name>")
def run_list_page(name: str) -> render.Page:
    if name not in RUN_LISTS:
        raise Problem(404, "Not found", f"the dashboard has no page {name!r}")
    request, con, config, shown = current_request(), connection(), settings(), RUN_LISTS[name]
    form = run_filter.read(request.query, state=shown.state, retrying=shown.retrying)
    rows, last = find_rows(
        con, form.run_filter, form.size, before=form.before, has_attempts=shown.has_attempts
    )
    bulk_actions = None
    if request.identity.may(Role.ADMIN):
        # Each with how many runs of all pages it would change, if there are several pages.
        has_pages = bool(last or form.before)
        bulk_actions = {
            action: actions.bulk_count(con, form.run_filter, action) if has_pages else None
            for action in shown.actions
        }
    return render.page(
        "run_list.html",
        con=con,
        name=name,
        run_list=shown,
        form=form,
        sizes=run_filter.SIZES,
        rows=rows,
        next=form.address(request.path, before=last) if last else None,
        counts=runs.counts(con),
        queues=queue_depths.waiting_runs(con, con.now()) if name == "enqueued" else None,
        retention_days={
            "succeeded": config.run_retention_days,
            "failed": config.failed_run_retention_days,
            "deleted": config.run_retention_days,
        }.get(name),
        bulk_actions=bulk_actions,
    )
