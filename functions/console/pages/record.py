"""The page of one record: edit, and delete."""

from typing import Any

from console.forms.form import whole_number
from console.forms.record import RecordForm
from console.forms.record_filter import HOME
from console.views import record as view
from console.web import render
from console.web.flash import FlashMessage
from console.web.request import current_request, router
from slowmatch.db import Connection, connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.records import queries
from slowmatch.records.queries import VersionMismatch


@router.get("/records/<record_id>")
def record(record_id: str) -> render.Page:
    con, key = connection(), _parse_id(record_id)
    stored = queries.get(con, key)
    if stored is None:
        return _not_found(con, key)
    found = view.read(stored)
    return _page(con, found, RecordForm.of(found))


@router.post("/records/<record_id>")
@allow(Role.OPERATOR)
def change(record_id: str) -> render.Page:
    request, con, key = current_request(), connection(), _parse_id(record_id)
    form, stored = RecordForm.submitted(request), queries.get(con, key)
    values = form.read()
    if stored is None:
        return _not_found(con, key, form if values is None else RecordForm.filled(*values))
    found = view.read(stored)
    if values is None:
        return _page(con, found, form, 422)
    title, expiry_date = form.changes(*values)
    if title is None and expiry_date is None:
        return render.redirect(f"{HOME}/{key}", flash_message="There were no changes to save.")
    if form.is_outdated(found):
        mine = {"title": title, "expiry_date": expiry_date}
        return _conflict(con, found, mine)
    actor, versions = request.identity.name, [stored.version]
    try:
        queries.update(
            con, key, con.now(), title=title, expiry_date=expiry_date, actor=actor, versions=versions
        )
    except VersionMismatch:
        return change(record_id)  # with what is there now
    return render.redirect(f"{HOME}/{key}", flash_message=FlashMessage("Changes saved.", HOME, "All records"))


@router.post("/records/<record_id>/delete")
def delete(record_id: str) -> render.Page:
    """The page asks in a dialog; without scripts, a page of its own asks."""
    request, con, key = current_request(), connection(), _parse_id(record_id)
    if request.value("sure") != "yes" and (stored := queries.get(con, key)):
        return render.page("record_delete.html", con=con, record=view.read(stored))
    was_deleted = queries.delete(con, key, request.identity.name)
    text = f"Record {key} was deleted." if was_deleted else f"Record {key} had already been deleted."
    return render.redirect(HOME, flash_message=text)


def _page(con: Connection, record: dict[str, Any], form: RecordForm, status: int = 200) -> render.Page:
    return render.page(
        "record.html",
        status,
        con=con,
        record=view.with_status(record, con.now()),
        history=view.history(record, queries.history(con, record["id"])),
        form=form,
    )


def _conflict(con: Connection, record: dict[str, Any], mine: dict[str, Any]) -> render.Page:
    """409 with what is stored now beside what was typed; None in `mine` is a field that was left as it was."""
    changes = (event for event in queries.history(con, record["id"]) if event["action"] == "changed")
    return render.page(
        "record_conflict.html", 409, con=con, record=record, mine=mine, change=next(changes, None)
    )


def _not_found(con: Connection, record_id: int, form: RecordForm | None = None) -> render.Page:
    """404 with what is known of a record that was deleted, and with the form that can no longer be saved."""
    return render.page(
        "record_not_found.html",
        404,
        con=con,
        record_id=record_id,
        history=queries.history(con, record_id),
        form=form,
    )


def _parse_id(text: str) -> int:
    """The id in an address. Raises Problem 404 for what cannot be one."""
    number = whole_number(text, pagination.MAX_BIGINT)
    if not number:
        raise Problem(404, "No such record", "this is not a record ID: record IDs are whole numbers")
    return number
