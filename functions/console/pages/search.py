"""The search in the top bar: a run by the beginning of its ID, a schedule by its name, else the runs that match."""

from console.web import render
from console.web.request import address, current_request, router
from slowmatch.db import connection
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.queries import runs
from slowmatch.jobs.schedules import store


@router.get("/search")
def search() -> render.Page:
    text = current_request().query.get("text", "").strip()
    if run_id := parse_run_id(text) or runs.only_run_beginning_with(connection(), text):
        return render.redirect(f"/runs/{run_id}")
    if store.find(connection(), text):
        return render.redirect(f"/dashboard/schedules/{text}")
    return render.redirect(address("/dashboard/runs", text=text))
