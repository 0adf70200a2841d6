"""Requeue, run or delete many runs: those that are selected, or all that match a filter."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from console.forms import run_filter
from console.forms.form import whole_number
from console.forms.run_filter import RunFilterForm
from console.views.formatting import format_count, number, plural_runs
from console.views.run_lists import RUN_LISTS
from console.web import render
from console.web.request import Request, current_request
from slowmatch.db import Connection, connection
from slowmatch.http.errors import Problem
from slowmatch.http.validation import parse_timestamp
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import runs

MAX_RUNS = 999_999_999
DONE = {"requeue": "requeued", "run-now": "queued to run now", "delete": "deleted"}
QUESTIONS = {"requeue": "Requeue {}?", "run-now": "Run {} now?", "delete": "Delete {}?"}
router = Router()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class BulkAction:
    """A submitted bulk action: `form` is the filter of the list at `list_address`."""

    request: Request
    con: Connection
    name: str
    form: RunFilterForm
    list_address: str

    @property
    def is_confirmed(self) -> bool:
        return self.request.value("sure") == "yes"

    def apply(self, **which: Any) -> actions.Changed:
        return actions.change(self.con, self.name, actor=self.request.identity.name, **which)

    def finish(self, text: str) -> render.Page:
        return render.redirect(self.list_address, flash_message=text)


@router.post("/runs")
def change_runs() -> render.Page:
    """For administrators, since the route has no other mark. Unless it is confirmed, it asks and changes nothing."""
    request = current_request(router)
    run_list, name = RUN_LISTS.get(request.value("list")), request.value("action")
    if run_list is None or name not in run_list.actions:
        raise Problem(
            422, "Not possible", "this action does not apply to the runs in this list, so nothing was done"
        )
    fields = {field: values[-1] for field, values in request.form.items()}
    form = run_filter.read(fields, state=run_list.state, retrying=run_list.retrying)
    if form.errors:
        reason = "the filter is not valid, so nothing was done; go back and correct it"
        raise Problem(422, "Not possible", reason)
    action = BulkAction(request, connection(), name, form, form.address(f"/dashboard/{run_list.name}"))
    return _change_matching(action) if request.value("all") == "yes" else _change_selected(action)


def _change_selected(action: BulkAction) -> render.Page:
    ids = sorted({run_id for text in action.request.form.get("id", []) if (run_id := parse_run_id(text))})
    if not ids:
        return action.finish("No run was selected, so nothing was done.")
    if len(ids) > actions.BULK:
        raise Problem(
            422, "Too many runs", f"select at most {actions.BULK:,} runs, or all that match the filter"
        )
    selected = plural_runs(number(len(ids)))
    if not action.is_confirmed:
        return _page(action, QUESTIONS[action.name].format(selected), {"id": ids})
    changed = len(action.apply(ids=ids).ids)
    text = f"{plural_runs(number(changed))} {DONE[action.name]}."
    if changed < len(ids):
        left = plural_runs(number(len(ids) - changed))
        text += f" {left} had changed state in the meantime and {'was' if left == '1 run' else 'were'} left alone."
    return action.finish(text)


def _change_matching(action: BulkAction) -> render.Page:
    """Change a batch of all runs that match, then show a page that requests the next batch, until none is left."""
    request, con = action.request, action.con
    # Runs that are created meanwhile stay as they are.
    until = _until(request) or action.form.run_filter.created_to or con.now()
    matching = replace(action.form.run_filter, created_to=until)
    if not action.is_confirmed:
        count = actions.bulk_count(con, matching, action.name)
        which = f"all {plural_runs(format_count(count))} that match"
        return _page(action, QUESTIONS[action.name].format(which), {"all": "yes"})
    done, total = (whole_number(request.value(name), MAX_RUNS) for name in ("done", "total"))
    total = total or actions.bulk_count(con, matching, action.name).number
    changed = action.apply(wanted=matching, after=parse_run_id(request.value("after")))
    done += len(changed.ids)
    if changed.last is None:
        return action.finish(f"{plural_runs(number(done))} {DONE[action.name]}.")
    progress = {"done": done, "total": max(total, done)}
    fields = {"all": "yes", "until": until.isoformat(), "after": changed.last, **progress}
    return _page(action, f"{number(done)} {DONE[action.name]} so far", fields, progress)


def _page(
    action: BulkAction, heading: str, fields: dict[str, Any], progress: dict[str, int] | None = None
) -> render.Page:
    """A page whose form submits the confirmed action with `fields`."""
    names = ("list", "action", "size", *run_filter.FIELDS)
    same = {name: value for name in names if (value := action.request.value(name))}
    page = render.page(
        action.request,
        "bulk_action.html",
        con=action.con,
        counts=runs.counts(action.con),
        heading=heading,
        fields={**same, **fields, "sure": "yes"},
        list_address=action.list_address,
        progress=progress,
    )
    page.headers["HX-Push-Url"] = "false"  # the address bar keeps the address of the list
    return page


def _until(request: Request) -> datetime | None:
    text = request.value("until")
    try:
        return parse_timestamp(text) if text else None
    except ValueError as error:
        raise Problem(422, "Not possible", f"until {error}") from error
