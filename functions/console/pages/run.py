"""The page of a run, and the actions on a single run."""

from typing import TypeVar

from console.views import run as run_view
from console.views import run_actions
from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.request import current_request, path_on_this_site, router
from slowmatch.db import Connection, connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import RunDetails
from slowmatch.jobs.queries import run_details, runs

LOG_LINES = 200
"""How many lines of the log the page shows unless the whole log is requested."""
R = TypeVar("R")


@router.get("/runs/<run_id>")
def run_page(run_id: str) -> render.Page:
    con = connection()
    is_whole_log = current_request().query.get("log") == "all"
    log_lines = run_details.LOG_LINES if is_whole_log else LOG_LINES
    run = _found(run_id, run_details.details(con, _parse_id(run_id), log_lines))
    return render.page(
        "run.html",
        con=con,
        run=run,
        payload=_json(con, run, "payload"),
        result=_json(con, run, "result"),
        is_whole_log=is_whole_log,
        ahead=runs.blocking_run(con, run.job) if run.state == "enqueued" else None,
        actions=run_view.allowed_actions(run),
        has_expired_lease=run_view.has_expired_lease(run, con.now()),
    )


@router.post("/runs/<run_id>/<action>")
@allow(Role.OPERATOR)
def change_run(run_id: str, action: str) -> render.Page:
    """Requeue, run now or delete, unless the run has since moved to a state that the action does not apply to."""
    if action not in actions.ELIGIBLE:
        reason = f"{action!r} is not an action for runs; the actions are {', '.join(actions.ELIGIBLE)}"
        raise Problem(404, "Not found", reason)
    request, con = current_request(), connection()
    run = _found(run_id, runs.find(con, _parse_id(run_id)))
    authorization.require_role(run_view.action_role(action, run.job))
    changed = actions.change(con, action, actor=request.identity.name, ids=[run.id]).ids
    outcome = run_actions.outcome(con, action, run, is_done=bool(changed))
    page, back = f"/runs/{run.id}", request.value("back")
    if not back.startswith("/dashboard/"):
        return render.redirect(page, flash_message=outcome.text)
    message = FlashMessage(outcome.text, page, "Open the run")  # the button was in a list
    if request.header("hx-request") and not request.header("hx-boosted"):
        return render.page("run_action.html", run=run, outcome=outcome, message=message)
    return render.redirect(path_on_this_site(back), flash_message=message)


def _json(con: Connection, run: RunDetails, field: run_details.JsonField) -> run_view.JsonText | None:
    """What the page shows of a payload or result; None without one."""
    value, size = getattr(run, field), run.cut.get(field)
    if size is None:
        return None if value is None else run_view.format_json(value)
    beginning = run_details.json_text(con, run.id, field)
    return run_view.JsonText(beginning.text[: run_view.JSON_MAX_CHARACTERS] if beginning else "", size)


def _parse_id(text: str) -> str:
    run_id = parse_run_id(text)
    if run_id is None:
        raise Problem(404, "No such run", f"{text[:60]!r} is not a valid run ID")
    return run_id


def _found(run_id: str, run: R | None) -> R:
    if run is None:
        reason = f"there is no run {run_id}; old runs are deleted after their retention period"
        raise Problem(404, "No such run", reason)
    return run
