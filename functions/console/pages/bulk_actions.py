"""Requeue, run or delete many runs: those that are selected, or all that match a filter."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from console.forms import run_filter
from console.forms.form import whole_number
from console.forms.run_filter import RunFilterForm
from console.views.run_lists import RUN_LISTS
from console.web import render
from console.web.formatting import format_count, number, plural_runs
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http.errors import Problem
from slowmatch.http.validation import parse_timestamp
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import runs

MAX_RUNS = 999_999_999
DONE = {"requeue": "requeued", "run-now": "queued to run now", "delete": "deleted"}
QUESTIONS = {"requeue": "Requeue {}?", "run-now": "Run {} now?", "delete": "Delete {}?"}


@router.post("/runs")
def change_runs() -> render.Page:
    """For administrators, since the route has no other mark. Unless it is confirmed, it asks and changes nothing."""
    request = current_request()
    run_list, action = RUN_LISTS.get(request.value("list")), request.value("action")
    if run_list is None or action not in run_list.actions:
        raise _not_possible("this action does not apply to the runs in this list, so nothing was done")
    fields = {field: values[-1] for field, values in request.form.items()}
    form = run_filter.read(fields, state=run_list.state, retrying=run_list.retrying)
    if form.errors:
        raise _not_possible("the filter is not valid, so nothing was done; go back and correct it")
    return _change_matching(action, form) if request.value("all") == "yes" else _change_selected(action, form)


def _change_selected(action: str, form: RunFilterForm) -> render.Page:
    request = current_request()
    ids = sorted({run_id for text in request.form.get("id", []) if (run_id := parse_run_id(text))})
    if not ids:
        return _back_to_list(form, "No run was selected, so nothing was done.")
    if len(ids) > actions.BULK:
        reason = f"select at most {actions.BULK:,} runs, or all that match the filter"
        raise Problem(422, "Too many runs", reason)
    if not _is_confirmed():
        return _page(form, QUESTIONS[action].format(plural_runs(number(len(ids)))), {"id": ids})
    changed = len(actions.change(connection(), action, actor=request.identity.name, ids=ids).ids)
    text = f"{plural_runs(number(changed))} {DONE[action]}."
    if changed < len(ids):
        left = plural_runs(number(len(ids) - changed))
        text += f" {left} had changed state in the meantime and {'was' if left == '1 run' else 'were'} left alone."
    return _back_to_list(form, text)


def _change_matching(action: str, form: RunFilterForm) -> render.Page:
    """Change a batch of all runs that match, then show a page that requests the next batch, until none is left."""
    request, con = current_request(), connection()
    # Runs that are created meanwhile stay as they are.
    until = _until(request.value("until")) or form.run_filter.created_to or con.now()
    matching = replace(form.run_filter, created_to=until)
    if not _is_confirmed():
        count = plural_runs(format_count(actions.bulk_count(con, matching, action)))
        return _page(form, QUESTIONS[action].format(f"all {count} that match"), {"all": "yes"})
    done, total = (whole_number(request.value(name), MAX_RUNS) for name in ("done", "total"))
    total = total or actions.bulk_count(con, matching, action).number
    after = parse_run_id(request.value("after"))
    changed = actions.change(con, action, actor=request.identity.name, wanted=matching, after=after)
    done += len(changed.ids)
    if changed.last is None:
        return _back_to_list(form, f"{plural_runs(number(done))} {DONE[action]}.")
    progress = {"done": done, "total": max(total, done)}
    fields = {"all": "yes", "until": until.isoformat(), "after": changed.last, **progress}
    return _page(form, f"{number(done)} {DONE[action]} so far", fields, progress)


def _is_confirmed() -> bool:
    return current_request().value("sure") == "yes"


def _list_address(form: RunFilterForm) -> str:
    return form.address(f"/dashboard/{current_request().value('list')}")


def _back_to_list(form: RunFilterForm, text: str) -> render.Page:
    return render.redirect(_list_address(form), flash_message=text)


def _page(
    form: RunFilterForm, heading: str, fields: dict[str, Any], progress: dict[str, int] | None = None
) -> render.Page:
    """A page whose form submits the confirmed action with `fields`."""
    request, con = current_request(), connection()
    names = ("list", "action", "size", *run_filter.FIELDS)
    same = {name: value for name in names if (value := request.value(name))}
    page = render.page(
        "bulk_action.html",
        con=con,
        counts=runs.counts(con),
        heading=heading,
        fields={**same, **fields, "sure": "yes"},
        list_address=_list_address(form),
        progress=progress,
    )
    page.headers["HX-Push-Url"] = "false"  # the address bar keeps the address of the list
    return page


def _until(text: str) -> datetime | None:
    try:
        return parse_timestamp(text) if text else None
    except ValueError as error:
        raise _not_possible(f"until {error}") from error


def _not_possible(reason: str) -> Problem:
    return Problem(422, "Not possible", reason)
