"""Pages about records."""

import json
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.forms import record as record_form
from console.forms.record import RecordForm
from console.views import record as record_story
from console.web import render
from console.web.request import Request, here
from slowmatch.db import Connection, connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.identity import Role
from slowmatch.http.problem import Problem
from slowmatch.http.texts import SEARCH_MAX
from slowmatch.records import store
from slowmatch.records.model import SOON_HOURS, Position, Status

HOME = "/records"
TABS: dict[Status, str] = {"all": "All", "active": "Active", "soon": "Expiring soon", "expired": "Expired"}
NOTHING: dict[Status, tuple[str, str]] = {
    "active": ("No active record", "What expires in the future would be here."),
    "soon": ("Nothing expires soon", f"What expires in the next {SOON_HOURS} hours would be here."),
    "expired": ("Nothing has expired", "What the hourly job has marked as expired would be here."),
}
router = Router()  # type: ignore[no-untyped-call]


@router.get("/records")
def records() -> Response[str]:
    return _list(here(router), record_form.blank())


@router.post("/records")
@allow(Role.OPERATOR)
def create() -> Response[str]:
    request, form = here(router), RecordForm.sent(here(router))
    read = form.read()
    if read is None:
        return _list(request, form, 422)
    record_id, _ = store.create(connection(), *read, actor=request.identity.name)
    return render.redirect(HOME, notice="Record created.", href=f"{HOME}/{record_id}", link="Look at it")


@router.get("/records/<id>")
def record(id: str) -> Response[str]:  # noqa: A002 - as the template calls it
    request, con, record_id = here(router), connection(), _number(id)
    text = store.get(con, record_id)
    if text is None:
        return _gone(request, con, record_id)
    found = json.loads(text)
    return _page(request, con, found, record_form.filled(found["title"], found["expiry_date"]))


@router.post("/records/<id>")
@allow(Role.OPERATOR)
def change(id: str) -> Response[str]:  # noqa: A002 - as the template calls it
    request, con, record_id = here(router), connection(), _number(id)
    form = RecordForm.sent(request)
    text, read = store.get(con, record_id), form.read()
    if text is None:
        return _gone(request, con, record_id)
    if read is None:
        return _page(request, con, json.loads(text), form, 422)
    changes = form.changes(*read)
    if changes == (None, None):
        return render.redirect(f"{HOME}/{record_id}", notice="Nothing to save: the record is as it was.")
    if store.update(con, record_id, con.now(), *changes, actor=request.identity.name) is None:
        return _gone(request, con, record_id)
    return render.redirect(f"{HOME}/{record_id}", notice="Changes saved.", href=HOME, link="All records")


@router.post("/records/<id>/delete")
def delete(id: str) -> Response[str]:  # noqa: A002 - as the template calls it
    """Asked in a dialog; without scripts, on a page of its own."""
    request, con, record_id = here(router), connection(), _number(id)
    if request.value("sure") != "yes":
        text = store.get(con, record_id)
        if text is not None:
            return render.page(request, "record_delete.html", con=con, record=json.loads(text))
    if store.delete(con, record_id, request.identity.name):
        return render.redirect(HOME, notice=f"Record {record_id} deleted.")
    return render.redirect(HOME, notice=f"Record {record_id} was gone already.")


def _list(request: Request, form: RecordForm, status: int = 200) -> Response[str]:
    con, query = connection(), request.query
    q = query.get("q", "").strip()[:SEARCH_MAX]
    tab: Status = next((name for name in TABS if name == query.get("status")), "all")
    cursor = query.get("after", "")
    page = store.page(con, tab, q, _position(tab, cursor), pagination.LIMIT_DEFAULT)
    return render.page(
        request,
        "records.html",
        status,
        con=con,
        tabs=[(name, words, address(name, q)) for name, words in TABS.items()],
        counts=None if q else store.status_counts(con, con.now()),
        tab=tab,
        q=q,
        search_max=SEARCH_MAX,
        records=[record_story.with_standing(each, con.now()) for each in json.loads(page.items)],
        nothing=NOTHING.get(tab),
        first=address(tab, q),
        cleared=address(tab, ""),
        on_first=not cursor,
        next=page.end and address(tab, q, pagination.encode(tab, page.end.id, page.end.expiry_date)),
        form=form,
        open=bool(form.errors or query.get("new")),
    )


def address(tab: Status, q: str, after: str = "") -> str:
    """Of a list of records, without what goes without saying."""
    values = {"status": "" if tab == "all" else tab, "q": q, "after": after}
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{HOME}?{query}" if query else HOME


def _position(tab: Status, cursor: str) -> Position | None:
    if not cursor:
        return None
    try:
        return Position(*pagination.decode(tab, cursor, pagination.whole, pagination.moment))
    except Problem as problem:
        words = "this is no page of this list: start at the beginning of the records"
        raise Problem(422, "No such page", words) from problem


def _page(
    request: Request, con: Connection, record: dict[str, Any], form: RecordForm, status: int = 200
) -> Response[str]:
    events = store.history(con, record["id"])
    return render.page(
        request,
        "record.html",
        status,
        con=con,
        record=record_story.with_standing(record, con.now()),
        story=record_story.tell(record, events),
        form=form,
    )


def _gone(request: Request, con: Connection, record_id: int) -> Response[str]:
    events = store.history(con, record_id)
    return render.page(request, "record_not_found.html", 404, con=con, record_id=record_id, events=events)


def _number(text: str) -> int:
    """The id in an address. Raises Problem 404 for what cannot be one."""
    number = (
        int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(pagination.BIGINT_MAX)) else 0
    )
    if not 1 <= number <= pagination.BIGINT_MAX:
        raise Problem(404, "No such record", "no record can have this id: ids are whole numbers")
    return number
