"""The lists of runs by state: filter, pages and bulk actions."""

from console.forms import run_filter
from console.forms.run_filter import RunFilterForm, RunList
from console.views.run_filter import PRESETS, chips
from console.views.run_lists import find_rows, run_list
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.db.counts import CappedCount
from slowmatch.http.auth.roles import Role
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import queue_depths
from slowmatch.settings import settings


@router.get("/dashboard/<name>")
def run_list_page(name: str) -> render.Page:
    request, con, shown = current_request(), connection(), run_list(name)
    form = run_filter.read(request.query, shown, con.now())
    rows, last = find_rows(
        con,
        form.run_filter,
        form.size,
        before=form.before,
        has_attempts=shown.has_attempts or _is_about_errors(form),
        order=form.order,
    )
    return render.dashboard_page(
        "run_list.html",
        con,
        name=name,
        run_list=shown,
        form=form,
        chips=chips(form),
        presets=PRESETS,
        has_errors=_is_about_errors(form) and any(row.run.error for row in rows),
        sizes=run_filter.SIZES,
        rows=rows,
        next=form.address(request.path, before=last) if last else None,
        queues=queue_depths.waiting_runs(con, con.now()) if name == "enqueued" else None,
        retention_days=_retention_days(name),
        bulk_actions=_bulk_actions(shown, form, has_pages=bool(last or form.before)),
    )


def _is_about_errors(form: RunFilterForm) -> bool:
    """Whether errors may be what is searched for, so that the list shows them."""
    return form.run_filter.text is not None or form.run_filter.error_type is not None


def _bulk_actions(shown: RunList, form: RunFilterForm, *, has_pages: bool) -> dict[str, CappedCount | None]:
    """The bulk actions, each with how many runs of all pages it would change, if there are several pages."""
    if not current_request().identity.may(Role.ADMIN):
        return {}
    con = connection()
    return {
        action: actions.bulk_count(con, form.run_filter, action) if has_pages else None
        for action in shown.actions
        if form.run_filter.state in (None, *actions.ELIGIBLE[action])
    }


def _retention_days(name: str) -> int | None:
    config = settings()
    days = {
        "succeeded": config.run_retention_days,
        "failed": config.failed_run_retention_days,
        "deleted": config.run_retention_days,
    }
    return days.get(name)
