"""The page of a run, and the actions on a single run."""

from console.views import run as run_view
from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.request import current_request, path_on_this_site, router
from slowmatch.db import Connection, connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import RunDetails
from slowmatch.jobs.queries import run_details, runs

LOG_LINES = 200
"""How many lines of the log the page shows unless the whole log is requested."""
DONE = {"requeue": "was requeued", "run-now": "starts now", "delete": "was deleted"}


@router.get("/runs/<run_id>")
def run_page(run_id: str) -> render.Page:
    request, con = current_request(), connection()
    is_whole_log = request.query.get("log") == "all"
    run = run_details.details(con, _parse_id(run_id), run_details.LOG_LINES if is_whole_log else LOG_LINES)
    if run is None:
        raise _not_found(run_id)
    return render.page(
        "run.html",
        con=con,
        run=run,
        payload=_json(con, run, "payload"),
        result=_json(con, run, "result"),
        is_whole_log=is_whole_log,
        ahead=runs.blocking_run(con, run.job) if run.state == "enqueued" else None,
        actions=run_view.actions(run),
        waited_ms=run_view.waited_ms(run),
        has_expired_lease=run_view.has_expired_lease(run, con.now()),
    )


@router.post("/runs/<run_id>/<action>")
@allow(Role.OPERATOR)
def change_run(run_id: str, action: str) -> render.Page:
    """Requeue, run now or delete, unless the run has since moved to a state that the action does not apply to."""
    if action not in DONE:
        raise Problem(
            404, "Not found", f"{action!r} is not an action for runs; the actions are {', '.join(DONE)}"
        )
    if action == "delete":
        authorization.require_role(Role.ADMIN)
    request, con = current_request(), connection()
    run = runs.find(con, _parse_id(run_id))
    if run is None:
        raise _not_found(run_id)
    authorization.require_role(job_role(run.job))
    if actions.change(con, action, actor=request.identity.name, ids=[run.id]).ids:
        text = f"Run {run_view.short_id(run.id)} of {run.job} {DONE[action]}."
        if action == "delete" and run.state == "processing":
            text += " Its handler will stop at the next checkpoint."
    else:
        now, states = runs.find(con, run.id), " or ".join(actions.ELIGIBLE[action])
        state = now.state if now else "gone"
        text = f"Nothing was done: the run is now {state}, and this action needs a run that is {states}."
    page, back = f"/runs/{run.id}", request.value("back")
    if back.startswith("/dashboard/"):  # the button was in a list
        return render.redirect(
            path_on_this_site(back), flash_message=FlashMessage(text, page, "Open the run")
        )
    return render.redirect(page, flash_message=text)


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


def _not_found(run_id: str) -> Problem:
    return Problem(
        404, "No such run", f"there is no run {run_id}; old runs are deleted after their retention period"
    )
