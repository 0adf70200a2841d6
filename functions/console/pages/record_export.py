"""Records as CSV, as filtered: one file, or a page that leads through the parts of a large one."""

import json
from collections.abc import Sequence

from console.forms.record_filter import RecordFilter
from console.pages.records import cursor_after, position
from console.views.csv_parts import Part, make_part, part_number
from console.web import render
from console.web.formatting import number
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.db.text_search import MAX_PAGE_ROWS
from slowmatch.http.record_csv import COLUMNS
from slowmatch.records import search
from slowmatch.records.model import Position


@router.get("/records/csv")
def export_csv() -> render.Page:
    """One part. A person who asks for more records than fit into it gets the page of the parts."""
    shown, number = _shown(), part_number()
    part = _part(shown)
    if part.next and not number and current_request().header("sec-fetch-mode") == "navigate":
        return render.redirect(shown.address("/records/export"))
    status = f"-{shown.status}" if shown.status != "all" else ""
    name = f"records{status}-{connection().now():%Y-%m-%d}"
    is_part = part.next or number
    next_address = _next_address(shown, "/records/csv", part)
    return render.csv_file(f"{name}-part-{number or 1}" if is_part else name, part.gzipped, next_address)


@router.get("/records/export")
def export_page() -> render.Page:
    shown, after = _shown(), current_request().query.get("after", "")
    part, this = _part(shown), part_number() or 1
    return render.page(
        "record_export.html",
        con=connection(),
        shown=shown,
        target=shown.words(number(part.rows)),
        size=part.rows,
        number=this,
        file=shown.address("/records/csv", after=after, part=this),
        next=_next_address(shown, "/records/export", part),
    )


def _shown() -> RecordFilter:
    return RecordFilter.read(current_request().query)


def _part(shown: RecordFilter) -> Part[Position]:
    con = connection()
    now = con.now()

    def read_page(after: Position | None) -> tuple[list[Sequence[object]], Position | None]:
        page = search.page(
            con, shown.status, now, q=shown.q, sort=shown.sort, after=after, limit=MAX_PAGE_ROWS
        )
        return [[record[column] for column in COLUMNS] for record in json.loads(page.items)], page.next

    return make_part(COLUMNS, read_page, position(shown, current_request().query.get("after", "")))


def _next_address(shown: RecordFilter, path: str, part: Part[Position]) -> str | None:
    following = cursor_after(shown, part.next)
    return shown.address(path, after=following, part=(part_number() or 1) + 1) if following else None
