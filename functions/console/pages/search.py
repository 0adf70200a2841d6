"""The search in the top bar: a run by its ID or the beginning of it, else the list of the runs that match."""

from console.web import render
from console.web.request import address, current_request, router
from slowmatch.db import connection
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.queries import runs


@router.get("/search")
def search() -> render.Page:
    text = current_request().query.get("text", "").strip()
    run_id = parse_run_id(text) or runs.only_run_beginning_with(connection(), text)
    return render.redirect(f"/runs/{run_id}" if run_id else address("/dashboard/runs", text=text))
