"""A list of runs as CSV, as filtered: one file, or a page that leads through the parts of a large one."""

from aws_lambda_powertools.event_handler import Response

from console.forms import run_filter
from console.forms.form import whole_number
from console.forms.run_filter import RunFilterForm
from console.views import run_csv
from console.views.run_csv import Part
from console.views.run_filter import in_words
from console.views.run_lists import run_list
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http import csv
from slowmatch.http.errors import Problem
from slowmatch.jobs.queries import runs

MAX_PARTS = 100_000


@router.get(r"/dashboard/<name>\.csv")
def csv_file(name: str) -> render.Page:
    """One part. A person who asks for more runs than fit into it gets the page of the parts."""
    request, form = current_request(), _form(name)
    part, number = _part(form), _number()
    if part.next and not number and request.header("sec-fetch-mode") == "navigate":
        return render.redirect(form.address(f"/dashboard/{name}/csv"))
    return _send(name, part, number or 1, _next_address(form, f"/dashboard/{name}.csv", part))


@router.get("/dashboard/<name>/csv")
def csv_page(name: str) -> render.Page:
    con, form = connection(), _form(name)
    part = _part(form)
    return render.page(
        "csv_download.html",
        con=con,
        counts=runs.counts(con),
        number=_number() or 1,
        rows=part.rows,
        kilobytes=-(-len(part.gzipped) // 1000),
        words=in_words(form.run_filter),
        download=form.address(f"/dashboard/{name}.csv", before=form.before, part=_number() or 1),
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


def _part(form: RunFilterForm) -> Part:
    return run_csv.make_part(connection(), form.run_filter, form.before, form.order)


def _number() -> int:
    """Which part it is; 0 if the address does not say."""
    return whole_number(current_request().query.get("part", ""), MAX_PARTS)


def _next_address(form: RunFilterForm, path: str, part: Part) -> str | None:
    return form.address(path, before=part.next, part=(_number() or 1) + 1) if part.next else None


def _send(name: str, part: Part, number: int, next_address: str | None) -> render.Page:
    """The file: compressed on the way if the client can read that, else as a gzip file."""
    is_unpacked = "gzip" in current_request().header("accept-encoding")
    ending = "csv" if is_unpacked else "csv.gz"
    headers = render.SECURITY_HEADERS | {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}-{number}.{ending}"',
    }
    if is_unpacked:
        headers["Content-Encoding"] = "gzip"
    if next_address:
        headers["Link"] = f'<{next_address}>; rel="next"'
    content_type = csv.CONTENT_TYPE if is_unpacked else "application/gzip"
    return Response(200, content_type, part.gzipped, {**headers})  # type: ignore[arg-type]
