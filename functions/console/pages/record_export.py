"""Records as CSV, as filtered: the file, or its parts if it is long."""

import gzip
from typing import Any

from aws_lambda_powertools.event_handler import Response

from console.forms.form import whole_number
from console.forms.record_filter import RecordFilter
from console.pages.records import cursor_after, position
from console.web import render
from console.web.formatting import number
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http import record_csv
from slowmatch.http.csv import CONTENT_TYPE
from slowmatch.records import export

MAX_PARTS = 99_999


@router.get("/records/csv")
def export_csv() -> render.Page:
    """One part. A person who asks for more records than fit into it gets the page of the parts."""
    con, wanted, shown, number = connection(), _wanted(), _shown(), _part_number()
    rows, last = export.rows(con, wanted)
    following = cursor_after(shown, last)
    if following and not number and current_request().header("sec-fetch-mode") == "navigate":
        return render.redirect(shown.address("/records/export"))
    name = "-".join(["records", *([shown.status] if shown.status != "all" else []), f"{wanted.now:%Y-%m-%d}"])
    next_address = _next_address("/records/csv", following)
    return _send(f"{name}-part-{number or 1}" if following or number else name, rows, next_address)


@router.get("/records/export")
def export_page() -> render.Page:
    shown, part = _shown(), export.measure(connection(), _wanted())
    after, part_number = current_request().query.get("after", ""), _part_number() or 1
    return render.page(
        "record_export.html",
        con=connection(),
        shown=shown,
        target=shown.words(number(part.size)),
        size=part.size,
        number=part_number,
        file=shown.address("/records/csv", after=after, part=part_number),
        next=_next_address("/records/export", cursor_after(shown, part.next)),
    )


def _send(name: str, rows: list[list[Any]], next_address: str | None) -> render.Page:
    """The file: compressed on the way if the client can read that, else as a gzip file."""
    is_unpacked = "gzip" in current_request().header("accept-encoding")
    ending = "csv" if is_unpacked else "csv.gz"
    headers = render.PAGE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    if is_unpacked:
        headers["Content-Encoding"] = "gzip"
    if next_address:
        headers["Link"] = f'<{next_address}>; rel="next"'
    content_type = CONTENT_TYPE if is_unpacked else "application/gzip"
    content = gzip.compress(record_csv.export(rows).encode(), 6, mtime=0)
    return Response(200, content_type, content, {**headers})  # type: ignore[arg-type]


def _shown() -> RecordFilter:
    return RecordFilter.read(current_request().query)


def _next_address(path: str, following: str | None) -> str | None:
    return _shown().address(path, after=following, part=(_part_number() or 1) + 1) if following else None


def _wanted() -> export.List:
    shown = _shown()
    after = position(shown, current_request().query.get("after", ""))
    return export.List(shown.status, shown.q, shown.sort, after, connection().now())


def _part_number() -> int:
    """Which part it is; 0 if the address does not say."""
    return whole_number(current_request().query.get("part", ""), MAX_PARTS)
