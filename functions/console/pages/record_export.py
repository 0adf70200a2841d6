"""Records as CSV, as filtered: the file, or its parts if it is long."""

import gzip

from aws_lambda_powertools.event_handler import Response

from console.forms.record_filter import RecordFilter
from console.pages.records import cursor_after, position
from console.web import render
from console.web.formatting import number
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http import record_csv
from slowmatch.http.csv import CONTENT_TYPE
from slowmatch.records import export


@router.get("/records/export")
def export_page() -> render.Page:
    shown, part = RecordFilter.read(current_request().query), export.measure(connection(), _wanted())
    after, cursor = current_request().query.get("after", ""), cursor_after(shown, part.next)
    return render.page(
        "record_export.html",
        con=connection(),
        shown=shown,
        target=shown.words(number(part.size)),
        size=part.size,
        number=_part_number(),
        file=shown.address("/records/csv", after=after, part=_part_number()),
        next=cursor and shown.address("/records/export", after=cursor, part=_part_number() + 1),
    )


@router.get("/records/csv")
def export_csv() -> render.Page:
    con, wanted, shown = connection(), _wanted(), RecordFilter.read(current_request().query)
    rows, last = export.rows(con, wanted)
    text, following = record_csv.export(rows), cursor_after(shown, last)
    name = "-".join(["records", *([shown.status] if shown.status != "all" else []), f"{wanted.now:%Y-%m-%d}"])
    if following or _part_number() > 1:
        name += f"-part-{_part_number()}"
    headers = render.PAGE_HEADERS | {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Content-Encoding": "gzip",
    }
    if following:
        address = shown.address("/records/csv", after=following, part=_part_number() + 1)
        headers["Link"] = f'<{address}>; rel="next"'
    content = gzip.compress(text.encode(), 6, mtime=0)
    return Response(200, CONTENT_TYPE, content, {**headers})  # type: ignore[arg-type]


def _wanted() -> export.List:
    shown = RecordFilter.read(current_request().query)
    after = position(shown, current_request().query.get("after", ""))
    return export.List(shown.status, shown.q, shown.sort, after, connection().now())


def _part_number() -> int:
    text = current_request().query.get("part", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1
