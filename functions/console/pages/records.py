"""The list of records: search, sort, create."""

import json

from console.forms.record import RecordForm
from console.forms.record_filter import HOME, RecordFilter
from console.views.record import with_status
from console.web import render
from console.web.flash import FlashMessage
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, parse_timestamp
from slowmatch.records import queries, search
from slowmatch.records.model import SOON_HOURS, Position, list_order


@router.get("/records")
def records() -> render.Page:
    return _list(RecordForm())


@router.post("/records")
@allow(Role.OPERATOR)
def create() -> render.Page:
    request = current_request()
    form = RecordForm.submitted(request)
    values = form.read()
    if values is None:
        return _list(form, 422)
    record_id, _ = queries.create(connection(), *values, actor=request.identity.name)
    return render.redirect(
        HOME, flash_message=FlashMessage("Record created.", f"{HOME}/{record_id}", "Open the record")
    )


def position(shown: RecordFilter, cursor: str) -> Position | None:
    """Where a page of the list begins. Raise Problem 422 for a cursor of another list."""
    if not cursor:
        return None
    order = list_order(shown.status, shown.sort)
    try:
        return Position(*pagination.decode(order, cursor, pagination.bigint, parse_timestamp))
    except Problem as problem:
        reason = "this link does not lead to a page of this list: start again from the first page"
        raise Problem(422, "No such page", reason) from problem


def cursor_after(shown: RecordFilter, place: Position | None) -> str | None:
    return place and pagination.encode(list_order(shown.status, shown.sort), *place)


def _list(form: RecordForm, status: int = 200) -> render.Page:
    request, con = current_request(), connection()
    shown, cursor = RecordFilter.read(request.query), request.query.get("after", "")
    now = con.now()
    page = search.page(
        con,
        shown.status,
        now,
        q=shown.q,
        sort=shown.sort,
        after=position(shown, cursor),
        limit=pagination.DEFAULT_LIMIT,
    )
    counts = None if shown.q else search.status_counts(con, now)
    return render.page(
        "records.html",
        status,
        con=con,
        counts=counts,
        shown=shown,
        search_max=MAX_SEARCH_CHARACTERS,
        soon_hours=SOON_HOURS,
        records=[with_status(each, now) for each in json.loads(page.items)],
        is_first=not cursor,
        is_whole=not page.next and not cursor,
        next=cursor_after(shown, page.next),
        form=form,
        is_form_open=bool(form.errors or request.query.get("new")),
    )
