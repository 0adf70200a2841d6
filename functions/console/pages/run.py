"""The page of a run, and the actions on a single run."""

from collections.abc import Sequence

from console.forms.form import whole_number
from console.views import run as run_view
from console.views import run_actions
from console.views.run import found, parse_id
from console.views.timeline import timeline
from console.views.traceback import fold
from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.request import current_request, path_on_this_site, router
from slowmatch.db import Connection, connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role
from slowmatch.http.errors import Problem
from slowmatch.http.pagination import MAX_BIGINT
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.lifecycle.finish import MAX_ATTEMPTS_IN_A_ROW
from slowmatch.jobs.model import LogLine, RunDetails
from slowmatch.jobs.queries import run_details, runs

LOG_LINES = 200
"""How many lines of the log the page shows unless the whole log is requested."""
LEVELS = {"warning": ("WARNING", "ERROR", "CRITICAL"), "error": ("ERROR", "CRITICAL")}
"""The choices of the log's filter, and the levels that each one shows."""


@router.get("/runs/<run_id>")
def run_page(run_id: str) -> render.Page:
    con, query = connection(), current_request().query
    is_whole_log = query.get("log") == "all"
    log_lines = run_details.LOG_LINES if is_whole_log else LOG_LINES
    run = found(run_id, run_details.details(con, parse_id(run_id), log_lines))
    text, level = query.get("text", "")[:MAX_SEARCH_CHARACTERS], query.get("level", "")
    matching = None
    if text or level in LEVELS:
        matching = run_details.search_log(con, run.id, text, LEVELS.get(level, ()))
    now = con.now()
    return render.page(
        "run.html",
        con=con,
        run=run,
        payload=_json(con, run, "payload"),
        result=_json(con, run, "result"),
        is_whole_log=is_whole_log,
        log_filter={"text": text, "level": level},
        matching=matching,
        neighbours=runs.neighbours(con, run),
        wait=run_view.wait(con, run) if run.state in ("enqueued", "scheduled") else None,
        is_due=run.due_at <= now,
        waits_for_dispatcher=run.attempt % MAX_ATTEMPTS_IN_A_ROW == 0,
        timeline=timeline(run, now),
        traceback=_last_traceback(run),
        actions=run_view.allowed_actions(run),
        may_run_again=run_view.may_run_again(run),
        may_still_work=run.stopped and run_view.may_still_work(run, now),
        has_expired_lease=run_view.has_expired_lease(run, now),
    )


@router.get("/runs/<run_id>/log.txt")
def download_log(run_id: str) -> render.Page:
    """The log as text, in parts of about 2 MB; the last line of a part says where the next one is."""
    request, con = current_request(), connection()
    run = run_view.find_run(con, run_id)
    after = whole_number(request.query.get("after", ""), MAX_BIGINT)
    part = found(run_id, run_details.part(con, run.id, "log", after, run_details.MAX_PART_ITEMS))
    lines: Sequence[LogLine] = part.items  # type: ignore[assignment]
    texts = [
        f"{line.at:%Y-%m-%dT%H:%M:%S.%f}Z #{line.attempt} {line.level} {line.message}\n" for line in lines
    ]
    if part.last:
        texts.append(f"The log continues at {request.path}?after={part.last}\n")
    return render.text_file("".join(texts) or "The run has not logged anything.\n", f"run-{run.id}.txt")


@router.post("/runs/<run_id>/<action>")
@allow(Role.OPERATOR)
def change_run(run_id: str, action: str) -> render.Page:
    """Retry, run now, stop or delete, unless the run has since moved to a state that the action does not apply to."""
    if action not in run_view.ACTIONS:
        reason = f"{action!r} is not an action for runs; the actions are {', '.join(run_view.ACTIONS)}"
        raise Problem(404, "Not found", reason)
    request, con = current_request(), connection()
    run = run_view.find_run(con, run_id)
    authorization.require_role(run_view.action_role(action, run.job))
    changed = actions.change(
        con,
        "delete" if action == "stop" else action,
        actor=request.identity.name,
        ids=[run.id],
        states=run_view.ACTIONS[action],
    )
    outcome = run_actions.outcome(con, action, run, is_done=bool(changed.ids))
    page, back = f"/runs/{run.id}", request.value("back")
    if not back.startswith("/dashboard/"):
        return render.redirect(page, flash_message=outcome.text)
    message = FlashMessage(outcome.text, page, "Open the run")  # the button was in a list
    if request.header("hx-request") and not request.header("hx-boosted"):
        return render.page("run_action.html", run=run, outcome=outcome, message=message)
    return render.redirect(path_on_this_site(back), flash_message=message)


def _last_traceback(run: RunDetails) -> dict[str, object] | None:
    """The attempt that the run's error comes from, with its traceback in pieces; None without an error."""
    failed = [attempt for attempt in run.attempts if attempt.error_type]
    if run.error is None or not failed:
        return None
    return {"attempt": failed[-1], "pieces": fold(failed[-1].traceback or "")}


def _json(con: Connection, run: RunDetails, field: run_details.JsonField) -> run_view.JsonText | None:
    """What the page shows of a payload or result; None without one."""
    value, size = getattr(run, field), run.cut.get(field)
    if size is None:
        return None if value is None else run_view.format_json(value)
    beginning = run_details.json_text(con, run.id, field)
    return run_view.JsonText(beginning.text[: run_view.JSON_MAX_CHARACTERS] if beginning else "", size)
