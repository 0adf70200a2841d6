"""Extend the expiry of many records or delete them: those that are selected, or all of a list."""

from typing import Any
from uuid import UUID, uuid4

from console.forms import local_time
from console.forms.form import Form, whole_number
from console.forms.record_filter import RecordFilter, plural_records
from console.web import render
from console.web.authorization import require_role
from console.web.flash import FlashMessage
from console.web.formatting import format_count, number
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http import pagination
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.http.validation import parse_timestamp
from slowmatch.records import bulk_actions
from slowmatch.records.bulk_actions import MAX_DAYS, RECORDS_PER_CALL, BulkAction, Extension, Selection

ROLES = {"extend": Role.OPERATOR, "delete": Role.ADMIN}
DAYS = "30"


@router.post("/records/bulk")
@allow(Role.OPERATOR)
def change_records() -> render.Page:
    """Unless it is confirmed, it asks and changes nothing."""
    request, con = current_request(), connection()
    action, shown = request.value("action"), RecordFilter.read(_fields())
    if action not in ROLES:
        raise Problem(422, "Not possible", "there is no such bulk action, so nothing was done")
    require_role(ROLES[action])
    selection = _selection(shown)
    if selection.ids == []:
        return render.redirect(shown.address(), flash_message="No record was selected, so nothing was done.")
    form = Form({"days": DAYS} | _fields())
    if request.value("sure") != "yes":
        return _ask(action, shown, selection, form)
    extension = _extension(form) if action == "extend" else None
    if form.errors:
        return _ask(action, shown, selection, form, 422)
    target = _target(shown, selection)
    action_id = _bulk_id(request.value("bulk")) or str(uuid4())
    try:
        started = bulk_actions.start(
            con, selection, extension, action_id=action_id, target=target, actor=request.identity.name
        )
    except LookupError as error:
        reason = "this form was already used for another bulk action, so nothing was done"
        raise Problem(422, "Not possible", reason) from error
    return _progress(started, shown)


@router.post("/records/bulk/<action_id>")
@allow(Role.OPERATOR)
def continue_change(action_id: str) -> render.Page:
    key = _bulk_id(action_id)
    found = bulk_actions.find(connection(), key) if key else None
    if found is None:
        raise Problem(404, "Not found", "there is no such bulk action")
    require_role(Role.ADMIN if found.action == "deleted" else Role.OPERATOR)
    return _progress(bulk_actions.advance(connection(), found.id), RecordFilter.read(_fields()))


def _bulk_id(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _fields() -> dict[str, str]:
    return {name: values[-1].strip() for name, values in current_request().form.items()}


def _selection(shown: RecordFilter) -> Selection:
    """All of the list as it was when the question was asked, or the selected records."""
    request = current_request()
    try:
        now = parse_timestamp(request.value("now"))
    except ValueError:
        now = connection().now()
    last = request.value("last")
    last_id = whole_number(last, pagination.MAX_BIGINT) if last else bulk_actions.last_id(connection())
    if request.value("all") == "yes":
        return Selection(now, last_id, shown.status, shown.q)
    ids = {whole_number(text, pagination.MAX_BIGINT) for text in request.form.get("id", [])} - {0}
    return Selection(now, last_id, ids=sorted(ids)[:RECORDS_PER_CALL])


def _extension(form: Form) -> Extension | None:
    """What the form says; None with an entry in its errors if it is wrong."""
    if form.values.get("by") == "date":
        until = local_time.read(form, "until")
        return Extension(until=until.at) if until else None
    days = whole_number(form.values["days"], MAX_DAYS)
    if not days:
        form.errors["days"] = f"must be a whole number from 1 to {MAX_DAYS:,}"
    return Extension(days=days) if days else None


def _target(shown: RecordFilter, selection: Selection) -> str:
    """The records in words, such as: all 12 expired records."""
    count = bulk_actions.count(connection(), selection)
    if selection.ids is not None:
        return f"{number(count.number)} selected record{'' if count.number == 1 else 's'}"
    text = shown.words(format_count(count))
    return text if count.number == 1 else f"all {text}"


def _ask(
    action: str, shown: RecordFilter, selection: Selection, form: Form, status: int = 200
) -> render.Page:
    bulk = str(uuid4())  # so that a form that is submitted twice does it once
    chosen: dict[str, Any] = {"all": "yes"} if selection.ids is None else {"id": selection.ids}
    return _page(
        "record_bulk.html",
        status,
        action=action,
        shown=shown,
        target=_target(shown, selection),
        form=form,
        fields={
            **shown.fields,
            **chosen,
            "now": selection.now.isoformat(),
            "last": selection.last_id,
            "action": action,
            "sure": "yes",
            "bulk": bulk,
        },
    )


def _progress(running: BulkAction, shown: RecordFilter) -> render.Page:
    """A page that makes the next call by itself, or the list with the result."""
    if running.is_finished:
        message = FlashMessage(_result(running), "/dashboard/activity", "Activity")
        return render.redirect(shown.address(), flash_message=message)
    return _page("record_bulk_progress.html", running=running, shown=shown)


def _result(finished: BulkAction) -> str:
    days, until = finished.wanted["days"], finished.wanted["until"]
    text = f"{plural_records(finished.done)} {finished.action}"
    if days:
        text += f" by {number(days)} day{'' if days == 1 else 's'}"
    left = finished.seen - finished.done
    if until and left:
        has, was = ("has", "was") if left == 1 else ("have", "were")
        text += f"; {number(left)} already {has} that date or a later one and {was} left alone"
    gone = len(finished.wanted["ids"] or ()) - finished.seen
    if gone > 0:
        text += f"; {number(gone)} had been deleted in the meantime"
    return f"{text}."


def _page(template: str, status: int = 200, **data: Any) -> render.Page:
    page = render.page(template, status, con=connection(), **data)
    page.headers["HX-Push-Url"] = "false"  # the address bar keeps the address of the list
    return page
