"""Requeue, run now or delete many runs at once: those selected, or all that match a filter."""

from dataclasses import replace
from datetime import datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.forms import run_filter
from console.forms.run_filter import Filter
from console.views.formatting import counted, number, so_many_runs
from console.views.run_lists import LISTS, Kind
from console.web import render
from console.web.request import Request, here
from slowmatch.db import Connection, connection
from slowmatch.http import timestamps
from slowmatch.http.problem import Problem
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import runs

DONE = {"requeue": "requeued", "run-now": "queued to run now", "delete": "deleted"}
ASKED = {"requeue": "Requeue {}?", "run-now": "Run {} now?", "delete": "Delete {}?"}
router = Router()  # type: ignore[no-untyped-call]


@router.post("/runs")
def change_runs() -> Response[str]:
    """For administrators: the route is not marked otherwise. Without `sure` it asks, and changes nothing."""
    request, con = here(router), connection()
    kind = LISTS.get(request.value("list"))
    action = request.value("action")
    if kind is None or action not in kind.actions:
        raise Problem(422, "Not possible", "this action fits no run of this list, so nothing was done")
    asked = run_filter.read(_fields(request), state=kind.state, retrying=kind.retrying)
    if asked.errors:
        raise Problem(
            422, "Not possible", "the filter is not valid, so nothing was done; go back and mend it"
        )
    if request.value("all") == "yes":
        return _matching(request, con, kind, action, asked)
    return _selected(request, con, kind, action, asked)


def _selected(request: Request, con: Connection, kind: Kind, action: str, asked: Filter) -> Response[str]:
    chosen = sorted({found for each in request.form.get("id", []) if (found := parse_run_id(each))})
    back = asked.address(f"/dashboard/{kind.name}")
    if not chosen:
        return render.redirect(back, notice="Nothing was selected, so nothing was done.")
    if len(chosen) > actions.BULK:
        raise Problem(422, "Too many", f"select at most {actions.BULK:,} runs, or all that match the filter")
    if request.value("sure") != "yes":
        question = ASKED[action].format(so_many_runs(number(len(chosen))))
        return _ask(request, con, question, {**_carried(request), "id": chosen}, back)
    done = actions.change(con, action, actor=request.identity.name, ids=chosen)
    return render.redirect(back, notice=_outcome(action, len(done.ids), len(chosen)))


def _matching(request: Request, con: Connection, kind: Kind, action: str, asked: Filter) -> Response[str]:
    """One slice of all that match; then a page that asks for the next by itself while there is one."""
    back = asked.address(f"/dashboard/{kind.name}")
    until = _until(request) or asked.created_to or con.now()  # what comes into being meanwhile was not meant
    wanted = replace(asked.wanted, created_to=until)
    if request.value("sure") != "yes":
        count = actions.bulk_count(con, wanted, action)
        question = ASKED[action].format(f"all {so_many_runs(counted(count))} that match")
        return _ask(request, con, question, {**_carried(request), "all": ["yes"]}, back)
    total = _whole(request, "total") or actions.bulk_count(con, wanted, action).number
    after = parse_run_id(request.value("after"))
    part = actions.change(con, action, actor=request.identity.name, wanted=wanted, after=after)
    done = _whole(request, "done") + len(part.ids)
    if part.last is None:
        return render.redirect(back, notice=_outcome(action, done, done))
    fields = {**_carried(request), "all": ["yes"], "sure": ["yes"], "until": [until.isoformat()]}
    fields |= {"after": [part.last], "done": [str(done)], "total": [str(max(total, done))]}
    so_far = {"done": done, "total": max(total, done)}
    return _page(request, con, f"{number(done)} {DONE[action]} so far", fields, back, so_far)


def _ask(
    request: Request, con: Connection, question: str, fields: dict[str, list[str]], back: str
) -> Response[str]:
    return _page(request, con, question, {**fields, "sure": ["yes"]}, back, None)


def _page(
    request: Request,
    con: Connection,
    heading: str,
    fields: dict[str, list[str]],
    back: str,
    so_far: dict[str, int] | None,
) -> Response[str]:
    """The answer to a form has no address of its own, so the browser's address bar keeps the list's."""
    page = render.page(
        request,
        "bulk_action.html",
        con=con,
        counts=runs.counts(con),
        heading=heading,
        fields=fields,
        back=back,
        so_far=so_far,
    )
    page.headers["HX-Push-Url"] = "false"
    return page


def _fields(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in request.form.items()}


def _carried(request: Request) -> dict[str, list[str]]:
    """What the next form has to say again."""
    names = ("list", "action", "size", *run_filter.FIELDS)
    return {name: [request.value(name)] for name in names if request.value(name)}


def _until(request: Request) -> datetime | None:
    text = request.value("until")
    if not text:
        return None
    try:
        return timestamps.parse(text)
    except ValueError as error:
        raise Problem(422, "Not possible", f"until {error}") from error


def _whole(request: Request, name: str) -> int:
    text = request.value(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _outcome(action: str, changed: int, chosen: int) -> str:
    said = f"{so_many_runs(number(changed))} {DONE[action]}."
    left = chosen - changed
    if not left:
        return said
    stays = "stays" if left == 1 else "stay"
    return f"{said} {so_many_runs(number(left))} had changed meanwhile, and {stays} as before."
