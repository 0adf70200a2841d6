"""The pages of records: list, search, create, edit, delete."""

import json
from datetime import datetime, timedelta
from typing import Any, get_args

from console.forms.form import whole_number
from console.forms.record import RecordForm
from console.web import render
from console.web.flash import FlashMessage
from console.web.formatting import parse
from console.web.request import current_request, router
from slowmatch.db import Connection, connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS, parse_timestamp
from slowmatch.records import queries, search
from slowmatch.records.model import SOON_HOURS, Position, Status

HOME = "/records"


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


@router.get("/records/<record_id>")
def record(record_id: str) -> render.Page:
    con, key = connection(), _parse_id(record_id)
    found = _find(con, key)
    if found is None:
        return _not_found(con, key)
    title, expiry_date = found["title"], found["expiry_date"]
    return _page(con, found, RecordForm({"title": title, "title_was": title, "expiry_was": expiry_date}))


@router.post("/records/<record_id>")
@allow(Role.OPERATOR)
def change(record_id: str) -> render.Page:
    request, con, key = current_request(), connection(), _parse_id(record_id)
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
    return render.redirect(f"{HOME}/{key}", flash_message=FlashMessage("Changes saved.", HOME, "All records"))


@router.post("/records/<record_id>/delete")
def delete(record_id: str) -> render.Page:
    """The page asks in a dialog; without scripts, a page of its own asks."""
    request, con, key = current_request(), connection(), _parse_id(record_id)
    if request.value("sure") != "yes" and (found := _find(con, key)):
        return render.page("record_delete.html", con=con, record=found)
    was_deleted = queries.delete(con, key, request.identity.name)
    text = f"Record {key} was deleted." if was_deleted else f"Record {key} had already been deleted."
    return render.redirect(HOME, flash_message=text)


def _list(form: RecordForm, status: int = 200) -> render.Page:
    request, con = current_request(), connection()
    text = request.query.get("q", "").strip()[:MAX_SEARCH_CHARACTERS]
    tab: Status = next((name for name in get_args(Status) if name == request.query.get("status")), "all")
    cursor = request.query.get("after", "")
    now = con.now()
    page = search.page(con, tab, now, q=text, after=_position(tab, cursor), limit=pagination.DEFAULT_LIMIT)
    return render.page(
        "records.html",
        status,
        con=con,
        counts=None if text else search.status_counts(con, now),
        tab=tab,
        search=text,
        search_max=MAX_SEARCH_CHARACTERS,
        soon_hours=SOON_HOURS,
        records=[_with_status(each, now) for each in json.loads(page.items)],
        is_first=not cursor,
        next=page.next and pagination.encode(tab, *page.next),
        form=form,
        is_form_open=bool(form.errors or request.query.get("new")),
    )


def _position(tab: Status, cursor: str) -> Position | None:
    if not cursor:
        return None
    try:
        return Position(*pagination.decode(tab, cursor, pagination.bigint, parse_timestamp))
    except Problem as problem:
        reason = "this link does not lead to a page of this list: start again from the first page"
        raise Problem(422, "No such page", reason) from problem


def _page(con: Connection, record: dict[str, Any], form: RecordForm, status: int = 200) -> render.Page:
    return render.page(
        "record.html",
        status,
        con=con,
        record=_with_status(record, con.now()),
        history=_history(record, queries.history(con, record["id"])),
        form=form,
    )


def _with_status(record: dict[str, Any], now: datetime) -> dict[str, Any]:
    """active, soon, expired, or due: its date has passed, but the hourly job has not marked it yet."""
    expiry_date = parse(record["expiry_date"])
    if record["is_expired"]:
        status = "expired"
    elif expiry_date <= now:
        status = "due"
    else:
        status = "soon" if expiry_date <= now + timedelta(hours=SOON_HOURS) else "active"
    return {**record, "status": status}


def _history(record: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest first: the kept events, and those that follow from the record itself.

    Jobs log a whole batch, not each of its records, and a record may be older than the history.
    """
    found = [*events]
    if record["is_expired"]:
        # It expired on its expiry date, or when that was set, if that was later.
        set_at = [event["at"] for event in events if "expiry_date" in event["detail"].get("before", {})]
        at: str = max(record["expiry_date"], record["created_at"], *set_at[:1], key=parse)
        found.append({"at": at, "action": "expired", "actor": "record-expiry", "detail": {}})
    if not any(event["action"] == "created" for event in events):
        found.append({"at": record["created_at"], "action": "created", "actor": None, "detail": {}})
    return sorted(found, key=lambda event: (parse(event["at"]), event["action"] == "expired"), reverse=True)


def _find(con: Connection, record_id: int) -> dict[str, Any] | None:
    text = queries.get(con, record_id)
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def _not_found(con: Connection, record_id: int) -> render.Page:
    """404 with what is known of a record that was deleted."""
    return render.page(
        "record_not_found.html",
        404,
        con=con,
        record_id=record_id,
        history=queries.history(con, record_id),
    )


def _parse_id(text: str) -> int:
    """The id in an address. Raises Problem 404 for what cannot be one."""
    number = whole_number(text, pagination.MAX_BIGINT)
    if not number:
        raise Problem(404, "No such record", "this is not a record ID: record IDs are whole numbers")
    return number
