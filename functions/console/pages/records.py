"""The pages of records: list, search, create, edit, delete."""

import json
from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler.api_gateway import Router

from console.forms.record import RecordForm
from console.views import record as record_view
from console.web import render
from console.web.flash import FlashMessage
from console.web.render import Page
from console.web.request import current_request
from slowmatch.db import Connection, connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, parse_timestamp
from slowmatch.records import queries, search
from slowmatch.records.model import SOON_HOURS, Position, Status

HOME = "/records"
TABS: dict[Status, str] = {"all": "All", "active": "Active", "soon": "Expiring soon", "expired": "Expired"}
IF_EMPTY: dict[Status, tuple[str, str]] = {
    "active": ("No active records", "Records that expire in the future are listed here."),
    "soon": (
        "No records are expiring soon",
        f"Records that expire in the next {SOON_HOURS} hours are listed here.",
    ),
    "expired": ("Nothing has expired", "Records that the hourly job has marked as expired are listed here."),
}
router = Router()  # type: ignore[no-untyped-call]


@router.get("/records")
def records() -> Page:
    return _list(RecordForm())


@router.post("/records")
@allow(Role.OPERATOR)
def create() -> Page:
    request = current_request(router)
    form = RecordForm.submitted(request)
    values = form.read()
    if values is None:
        return _list(form, 422)
    record_id, _ = queries.create(connection(), *values, actor=request.identity.name)
    message = FlashMessage("Record created.", f"{HOME}/{record_id}", "Open the record")
    return render.redirect(HOME, flash_message=message)


@router.get("/records/<record_id>")
def record(record_id: str) -> Page:
    con, key = connection(), _parse_id(record_id)
    found = _find(con, key)
    if found is None:
        return _not_found(con, key)
    return _page(con, found, RecordForm.of_record(found["title"], found["expiry_date"]))


@router.post("/records/<record_id>")
@allow(Role.OPERATOR)
def change(record_id: str) -> Page:
    request, con, key = current_request(router), connection(), _parse_id(record_id)
    form, found = RecordForm.submitted(request), _find(con, key)
    values = form.read()
    if found is None:
        return _not_found(con, key)
    if values is None:
        return _page(con, found, form, 422)
    title, expiry_date = form.changes(*values)
    if title is None and expiry_date is None:
        return render.redirect(f"{HOME}/{key}", flash_message="There were no changes to save.")
    actor = request.identity.name
    if not queries.update(con, key, con.now(), title=title, expiry_date=expiry_date, actor=actor):
        return _not_found(con, key)
    message = FlashMessage("Changes saved.", HOME, "All records")
    return render.redirect(f"{HOME}/{key}", flash_message=message)


@router.post("/records/<record_id>/delete")
def delete(record_id: str) -> Page:
    """The page asks in a dialog; without scripts, a page of its own asks."""
    request, con, key = current_request(router), connection(), _parse_id(record_id)
    if request.value("sure") != "yes" and (found := _find(con, key)):
        return render.page(request, "record_delete.html", con=con, record=found)
    was_deleted = queries.delete(con, key, request.identity.name)
    text = f"Record {key} was deleted." if was_deleted else f"Record {key} had already been deleted."
    return render.redirect(HOME, flash_message=text)


def _list(form: RecordForm, status: int = 200) -> Page:
    request, con = current_request(router), connection()
    text = request.query.get("q", "").strip()[:MAX_SEARCH_CHARACTERS]
    tab: Status = next((name for name in TABS if name == request.query.get("status")), "all")
    cursor = request.query.get("after", "")
    page = search.page(con, tab, q=text, after=_position(tab, cursor), limit=pagination.DEFAULT_LIMIT)
    return render.page(
        request,
        "records.html",
        status,
        con=con,
        tabs=[(name, label, _list_address(name, text)) for name, label in TABS.items()],
        counts=None if text else queries.status_counts(con, con.now()),
        tab=tab,
        search=text,
        search_max=MAX_SEARCH_CHARACTERS,
        records=[record_view.with_status(each, con.now()) for each in json.loads(page.items)],
        if_empty=IF_EMPTY.get(tab),
        first=_list_address(tab, text),
        without_search=_list_address(tab, ""),
        is_first=not cursor,
        next=page.next and _list_address(tab, text, pagination.encode(tab, *page.next)),
        form=form,
        is_form_open=bool(form.errors or request.query.get("new")),
    )


def _list_address(tab: Status, text: str, cursor: str = "") -> str:
    values = {"status": "" if tab == "all" else tab, "q": text, "after": cursor}
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{HOME}?{query}" if query else HOME


def _position(tab: Status, cursor: str) -> Position | None:
    if not cursor:
        return None
    try:
        return Position(*pagination.decode(tab, cursor, pagination.bigint, parse_timestamp))
    except Problem as problem:
        reason = "this link does not lead to a page of this list: start again from the first page"
        raise Problem(422, "No such page", reason) from problem


def _page(con: Connection, record: dict[str, Any], form: RecordForm, status: int = 200) -> Page:
    return render.page(
        current_request(router),
        "record.html",
        status,
        con=con,
        record=record_view.with_status(record, con.now()),
        history=record_view.history(record, queries.history(con, record["id"])),
        form=form,
    )


def _find(con: Connection, record_id: int) -> dict[str, Any] | None:
    text = queries.get(con, record_id)
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def _not_found(con: Connection, record_id: int) -> Page:
    """404 with what is known of a record that was deleted."""
    return render.page(
        current_request(router),
        "record_not_found.html",
        404,
        con=con,
        record_id=record_id,
        history=queries.history(con, record_id),
    )


def _parse_id(text: str) -> int:
    """The id in an address. Raises Problem 404 for what cannot be one."""
    is_short = len(text) <= len(str(pagination.MAX_BIGINT))
    number = int(text) if text.isascii() and text.isdigit() and is_short else 0
    if not 1 <= number <= pagination.MAX_BIGINT:
        raise Problem(404, "No such record", "this is not a record ID: record IDs are whole numbers")
    return number
