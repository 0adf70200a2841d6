"""A list of runs as CSV, as filtered: one file, or a page that leads through the parts of a large one."""

import json
from collections.abc import Sequence

from console.forms import run_filter
from console.forms.run_filter import RunFilterForm
from console.views.csv_parts import Part, make_part, part_number
from console.views.run_filter import in_words
from console.views.run_lists import run_list
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.db.text_search import MAX_PAGE_ROWS
from slowmatch.http.errors import Problem
from slowmatch.jobs.queries import runs

COLUMNS = (
    *(
        "id",
        "job",
        "state",
        "trigger",
        "triggered_by",
        "schedule",
        "occurrence",
        "attempt",
        "failures",
        "max_attempts",
    ),
    *("due_at", "created_at", "started_at", "finished_at", "error"),
)
"""The header: fields of a run, by their names in the API."""


@router.get(r"/dashboard/<name>\.csv")
def csv_file(name: str) -> render.Page:
    """One part. A person who asks for more runs than fit into it gets the page of the parts."""
    form = _form(name)
    part, number = _part(form), part_number()
    if part.next and not number and current_request().header("sec-fetch-mode") == "navigate":
        return render.redirect(form.address(f"/dashboard/{name}/csv"))
    next_address = _next_address(form, f"/dashboard/{name}.csv", part)
    return render.csv_file(f"{name}-{number or 1}", part.gzipped, next_address)


@router.get("/dashboard/<name>/csv")
def csv_page(name: str) -> render.Page:
    con, form, number = connection(), _form(name), part_number() or 1
    part = _part(form)
    return render.dashboard_page(
        "csv_download.html",
        con,
        number=number,
        rows=part.rows,
        kilobytes=-(-len(part.gzipped) // 1000),
        words=in_words(form.run_filter),
        download=form.address(f"/dashboard/{name}.csv", before=form.before, part=number),
        first=form.address(f"/dashboard/{name}.csv", part=1),
        next=_next_address(form, f"/dashboard/{name}/csv", part),
        list_address=form.address(f"/dashboard/{name}"),
    )


def _form(name: str) -> RunFilterForm:
    form = run_filter.read(current_request().query, run_list(name), connection().now())
    if form.errors:
        reasons = "; ".join(f"{field} {error}" for field, error in form.errors.items())
        raise Problem(422, "Not possible", f"the filter is not valid: {reasons}")
    form.values = form.fixed_values()  # the parts are of one time span
    return form


def _part(form: RunFilterForm) -> Part[str]:
    def read_page(before: str | None) -> tuple[list[Sequence[object]], str | None]:
        page = runs.read_page(connection(), form.run_filter, before, MAX_PAGE_ROWS, form.order)
        return [[run[column] for column in COLUMNS] for run in json.loads(page.json)], page.last

    return make_part(COLUMNS, read_page, form.before)


def _next_address(form: RunFilterForm, path: str, part: Part[str]) -> str | None:
    return form.address(path, before=part.next, part=(part_number() or 1) + 1) if part.next else None
