"""Retry, run or delete many runs: those that are selected, or all that match a filter.

An action on all that match makes one call for each thousand runs. The page that started it requests them one after
the other; docs/decisions/0018-bulk-actions-are-recorded.md says what happens when it is left.
"""

from typing import Any

from console.forms import run_filter
from console.forms.run_filter import STATES, RunFilterForm
from console.views import run_actions
from console.views.run_filter import in_words
from console.views.run_lists import RUN_LISTS
from console.web import render
from console.web.flash import FlashMessage
from console.web.formatting import format_count, listed, plural_runs
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.db.counts import CappedCount
from slowmatch.http.errors import Problem
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions, bulk_actions
from slowmatch.jobs.lifecycle.actions import ELIGIBLE
from slowmatch.jobs.lifecycle.bulk_actions import BulkAction

QUESTIONS = {"requeue": "Retry {}?", "run-now": "Run {} now?", "delete": "Delete {}?"}


@router.post("/runs")
def change_runs() -> render.Page:
    """For administrators, since the route has no other mark. Unless it is confirmed, it asks and changes nothing."""
    request, con = current_request(), connection()
    run_list, action = RUN_LISTS.get(request.value("list")), request.value("action")
    if run_list is None or action not in run_list.actions:
        raise _not_possible("this action does not apply to the runs in this list, so nothing was done")
    fields = {field: values[-1] for field, values in request.form.items()}
    form = run_filter.read(fields, run_list, con.now())
    if form.errors:
        raise _not_possible("the filter is not valid, so nothing was done; go back and correct it")
    return _change_matching(action, form) if request.value("all") == "yes" else _change_selected(action, form)


@router.get("/dashboard/activity/<action_id>")
def bulk_action_page(action_id: str) -> render.Page:
    return _page(_found(bulk_actions.find(connection(), _parse_id(action_id)), action_id))


@router.post("/dashboard/activity/<action_id>/<step>")
def change_bulk_action(action_id: str, step: str) -> render.Page:
    """Make the next call, continue after a stop, or stop. What is already over stays as it is."""
    con, actor, found = connection(), current_request().identity.name, _parse_id(action_id)
    if step == "stop":
        bulk_actions.stop(con, found, actor=actor)
    elif step in ("next", "continue"):
        bulk_actions.advance(con, found, actor=actor, resume=step == "continue")
    else:
        raise Problem(404, "Not found", f"a bulk action cannot {step!r}")
    return _page(_found(bulk_actions.find(con, found), action_id), goes_on=True)


def _change_selected(action: str, form: RunFilterForm) -> render.Page:
    request = current_request()
    ids = sorted({run_id for text in request.form.get("id", []) if (run_id := parse_run_id(text))})
    if not ids:
        return render.redirect(_list_address(form), flash_message="No run was selected, so nothing was done.")
    if len(ids) > actions.BULK:
        reason = f"select at most {actions.BULK:,} runs, or all that match the filter"
        raise Problem(422, "Too many runs", reason)
    if request.value("sure") != "yes":
        return _question(action, form, CappedCount(len(ids), False), {"id": ids})
    bulk = bulk_actions.change_selected(connection(), action, ids, actor=request.identity.name)
    return _back_to_list(form, bulk)


def _change_matching(action: str, form: RunFilterForm) -> render.Page:
    """Ask, or record the action and make its first call; a page requests the others."""
    con, wanted = connection(), form.run_filter
    if current_request().value("sure") != "yes":
        count = actions.bulk_count(con, wanted, action, bulk_actions.MAX_COUNTED)
        return _question(action, form, count, {"all": "yes"})
    bulk = bulk_actions.start(con, action, wanted, actor=current_request().identity.name)
    return _back_to_list(form, bulk) if bulk.finished_at else _page(bulk, goes_on=True)


def _list_address(form: RunFilterForm) -> str:
    return form.address(f"/dashboard/{current_request().value('list')}")


def _back_to_list(form: RunFilterForm, bulk: BulkAction) -> render.Page:
    text = f"{run_actions.bulk_result(bulk)}. {run_actions.left_alone(bulk)}".strip()
    message = FlashMessage(text, f"/dashboard/activity/{bulk.id}", "See what was done")
    return render.redirect(_list_address(form), flash_message=message)


def _question(action: str, form: RunFilterForm, count: CappedCount, fields: dict[str, Any]) -> render.Page:
    """The question, with the number and the filter in words. Its form submits the confirmed action with `fields`."""
    con, names = connection(), ("list", "action", "size", "sort")
    given = {name: value for name in names if (value := current_request().value(name))}
    question = "Retry {} now?" if action == "run-now" and form.run_filter.retrying else QUESTIONS[action]
    states = [form.run_filter.state] if form.run_filter.state else ELIGIBLE[action]
    page = render.dashboard_page(
        "bulk_question.html",
        con,
        action=action,
        heading=question.format(plural_runs(format_count(count))),
        words=in_words(form.run_filter, action) if "all" in fields else None,
        left_alone=listed([state for state in STATES if state not in states]) if len(states) > 1 else None,
        stops_runs=action == "delete" and "processing" in states,
        has_runs=count.number > 0,
        fields={**form.fixed_values(), **given, **fields, "sure": "yes"},
        list_address=_list_address(form),
    )
    page.headers["HX-Push-Url"] = "false"  # the address bar keeps the address of the list
    return page


def _page(bulk: BulkAction, *, goes_on: bool = False) -> render.Page:
    """The page of a bulk action. It requests the next call by itself if it `goes_on`."""
    con = connection()
    is_running = bulk.is_running(con.now())
    page = render.dashboard_page(
        "bulk_action.html",
        con,
        bulk=bulk,
        result=run_actions.bulk_result(bulk),
        left_alone=run_actions.left_alone(bulk),
        heading=_heading(bulk, is_running),
        words=in_words(bulk.filter, bulk.action),
        is_running=is_running,
        goes_on=goes_on and is_running,
    )
    page.headers["HX-Push-Url"] = f"/dashboard/activity/{bulk.id}"
    return page


def _heading(bulk: BulkAction, is_running: bool) -> str:
    """How far it came: stopped after 12,000 of 100,000 runs."""
    if bulk.finished_at:
        return run_actions.bulk_result(bulk)
    progress = run_actions.progress(bulk)
    verb = "Deleting" if bulk.action == "delete" else "Queuing"
    return f"{verb}: {progress}" if is_running else f"Stopped after {progress}"


def _parse_id(text: str) -> str:
    found = parse_run_id(text)
    if found is None:
        raise Problem(404, "No such bulk action", f"{text[:60]!r} is not the ID of a bulk action")
    return found


def _found(bulk: BulkAction | None, action_id: str) -> BulkAction:
    if bulk is None:
        raise Problem(404, "No such bulk action", f"there is no bulk action {action_id}")
    return bulk


def _not_possible(reason: str) -> Problem:
    return Problem(422, "Not possible", reason)
