"""A run's own page, and what a person may do with one run."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.pages.sign_in import path_on_this_site
from console.views import run as run_view
from console.web import authorization, render
from console.web.request import here
from slowmatch.db import Connection, connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import Run, RunDetails
from slowmatch.jobs.queries import run_details, runs

LOG_LINES = 200
"""How many lines of the log the page shows unless it is asked for the whole."""
DONE = {
    "requeue": "is queued again.",
    "run-now": "starts now.",
    "delete": "is deleted.",
}
router = Router()  # type: ignore[no-untyped-call]


@router.get("/runs/<run_id>")
def run_page(run_id: str) -> Response[str]:
    request, con = here(router), connection()
    is_long = request.query.get("log") == "all"
    run = _details(con, run_id, run_details.LOG_LINES if is_long else LOG_LINES)
    return render.page(
        request,
        "run.html",
        con=con,
        run=run,
        log=run.log,
        log_earlier=run.log_earlier,
        payload=_json(con, run, "payload"),
        result=_json(con, run, "result"),
        is_long=is_long,
        attempts=run_view.attempts(run),
        history=run_view.history(run),
        figures=run_view.figures(run, con.now()),
        actions=run_view.actions(run),
        ahead=runs.blocking_run(con, run.job) if run.state == "enqueued" else None,
    )


@router.post("/runs/<run_id>/<action>")
@allow(Role.OPERATOR)
def change_run(run_id: str, action: str) -> Response[str]:
    """Requeue, run now or delete, unless the run's state has changed so that there is nothing to do."""
    if action not in DONE:
        raise Problem(404, "Not found", f"a run has no action {action!r}; there are {', '.join(DONE)}")
    if action == "delete":
        authorization.require(router, Role.ADMIN)
    request, con = here(router), connection()
    before = runs.find(con, _known(run_id))
    if before is None:
        raise _no_run(run_id)
    authorization.require(router, job_role(before.job))
    done = actions.change(con, action, actor=request.identity.name, ids=[before.id])
    said = _said(action, before) if done.ids else _too_late(con, action, before.id)
    page, back = f"/runs/{before.id}", request.value("back")
    if back.startswith("/dashboard/"):  # the button stood in a list
        return render.redirect(path_on_this_site(back), notice=said, href=page, link="Open it")
    return render.redirect(page, notice=said)


def _details(con: Connection, run_id: str, log_lines: int) -> RunDetails:
    found = run_details.details(con, _known(run_id), log_lines)
    if found is None:
        raise _no_run(run_id)
    return found


def _json(con: Connection, run: RunDetails, field: run_details.JsonField) -> run_view.JsonText | None:
    """What the page shows of a payload or result; None when there is none."""
    value, size = getattr(run, field), run.cut.get(field)
    if size is None:
        return None if value is None else run_view.pretty(value)
    beginning = run_details.json_text(con, run.id, field)
    return run_view.JsonText(beginning.text[: run_view.JSON_SHOWN] if beginning else "", size)


def _known(run_id: str) -> str:
    found = parse_run_id(run_id)
    if found is None:
        raise Problem(404, "No such run", f"{run_id[:60]!r} is not the identifier of a run")
    return found


def _no_run(run_id: str) -> Problem:
    return Problem(404, "No such run", f"there is no run {run_id}; old runs are removed after a while")


def _said(action: str, before: Run) -> str:
    if action == "delete" and before.state == "processing":
        return f"Run {run_view.short(before.id)} is deleted. Its handler is told at its next checkpoint."
    return f"Run {run_view.short(before.id)} of {before.job} {DONE[action]}"


def _too_late(con: Connection, action: str, run_id: str) -> str:
    run = runs.find(con, run_id)
    state = run.state if run else "gone"
    named, allowed = action.replace("-", " "), " or ".join(actions.ELIGIBLE[action])
    return f"Nothing was done: the run is {state} by now, and {named} is for runs that are {allowed}."
