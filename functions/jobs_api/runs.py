"""Routes about runs: list, read, requeue, run now and delete, one by one or in bulk."""

import json

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import answer, documented
from jobs_api.models import (
    Bulk,
    JsonFieldName,
    OptionalFlag,
    OptionalJob,
    OptionalState,
    OptionalText,
    OptionalTime,
    OptionalTrigger,
    PathRunId,
)
from jobs_api.shapes import (
    AttemptPage,
    Done,
    EventPage,
    LogPage,
    RunPage,
    TextPage,
)
from slowmatch.db import connection
from slowmatch.http import pagination
from slowmatch.http.auth import authentication
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.http.fields import Cursor, Limit
from slowmatch.jobs.ids import parse_run_id
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import Run, RunDetails
from slowmatch.jobs.queries import run_details, runs
from slowmatch.jobs.run_filter import RunFilter

ORDER = "runs"
ONE = documented(202, "The changed run", Run)
MANY = documented(200, "What was changed", Done)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/runs", summary="List and search runs", responses=documented(200, "A page of runs", RunPage))
def list_runs(
    state: OptionalState = None,
    job: OptionalJob = None,
    trigger: OptionalTrigger = None,
    created_from: OptionalTime = None,
    created_to: OptionalTime = None,
    text: OptionalText = None,
    retrying: OptionalFlag = None,
    cursor: Cursor = None,
    limit: Limit = pagination.DEFAULT_LIMIT,
) -> Response[str]:
    wanted = RunFilter(
        state=state,
        job=job,
        trigger=trigger,
        created_from=created_from,
        created_to=created_to,
        text=text,
        retrying=retrying,
    )
    before = pagination.decode(ORDER, cursor, _run_id)[0] if cursor else None
    page = runs.json_page(connection(), wanted, before, limit)
    end = pagination.encode(ORDER, page.last) if page.last else None
    return answer(200, f'{{"items":{page.items},"next":{json.dumps(end)}}}')


@router.get("/api/runs/<run_id>", summary="Read a run", responses=documented(200, "The run", RunDetails))
def get_run(run_id: PathRunId) -> Response[str]:
    text = run_details.json_details(connection(), str(run_id))
    if text is None:
        raise _unknown(str(run_id))
    return answer(200, text)


@router.get(
    "/api/runs/<run_id>/attempts",
    summary="List a run's attempts",
    responses=documented(200, "A page of attempts", AttemptPage),
)
def list_attempts(
    run_id: PathRunId, cursor: Cursor = None, limit: Limit = pagination.DEFAULT_LIMIT
) -> Response[str]:
    return _part(str(run_id), "attempts", cursor, limit)


@router.get(
    "/api/runs/<run_id>/events",
    summary="List a run's events",
    responses=documented(200, "A page of events", EventPage),
)
def list_events(
    run_id: PathRunId, cursor: Cursor = None, limit: Limit = pagination.DEFAULT_LIMIT
) -> Response[str]:
    return _part(str(run_id), "events", cursor, limit)


@router.get(
    "/api/runs/<run_id>/log",
    summary="Read a run's log",
    responses=documented(200, "A page of log lines", LogPage),
)
def read_log(
    run_id: PathRunId, cursor: Cursor = None, limit: Limit = pagination.DEFAULT_LIMIT
) -> Response[str]:
    return _part(str(run_id), "log", cursor, limit)


@router.get(
    "/api/runs/<run_id>/json/<field>",
    summary="Read a payload or result of any size",
    responses=documented(200, "Part of its JSON text", TextPage),
)
def read_json(run_id: PathRunId, field: JsonFieldName, cursor: Cursor = None) -> Response[str]:
    start = pagination.decode(field, cursor, pagination.bigint)[0] if cursor else 0
    page = run_details.json_text(connection(), str(run_id), field, start)
    if page is None:
        raise _unknown(str(run_id))
    end = pagination.encode(field, page.end) if page.end else None
    return answer(200, {"text": page.text, "next": end})


@router.post("/api/runs/requeue", summary="Requeue many runs", responses=MANY)
def requeue_many(bulk: Bulk) -> Response[str]:
    return _many("requeue", bulk)


@router.post("/api/runs/run-now", summary="Start many runs now that are due later", responses=MANY)
def run_many_now(bulk: Bulk) -> Response[str]:
    return _many("run-now", bulk)


@router.post("/api/runs/delete", summary="Delete many runs", responses=MANY)
def delete_many(bulk: Bulk) -> Response[str]:
    return _many("delete", bulk)


@router.post("/api/runs/<run_id>/requeue", summary="Requeue a finished run", responses=ONE)
@allow(Role.OPERATOR)
def requeue_run(run_id: PathRunId) -> Response[str]:
    return _one("requeue", str(run_id))


@router.post("/api/runs/<run_id>/run-now", summary="Start a run now that is due later", responses=ONE)
@allow(Role.OPERATOR)
def run_now(run_id: PathRunId) -> Response[str]:
    return _one("run-now", str(run_id))


@router.post("/api/runs/<run_id>/delete", summary="Delete a run", responses=ONE)
def delete_run(run_id: PathRunId) -> Response[str]:
    return _one("delete", str(run_id))


def _part(run_id: str, name: run_details.Part, cursor: str | None, limit: int) -> Response[str]:
    after = pagination.decode(name, cursor, pagination.bigint)[0] if cursor else 0
    page = run_details.part(connection(), run_id, name, after=after, limit=limit)
    if page is None:
        raise _unknown(run_id)
    end = pagination.encode(name, page.last) if page.last else None
    return answer(200, f'{{"items":{page.items},"next":{json.dumps(end)}}}')


def _one(action: str, run_id: str) -> Response[str]:
    con, who = connection(), authentication.identity(router).name
    before = runs.find(con, run_id)
    if before is None:
        raise _unknown(run_id)
    authentication.require(router, job_role(before.job))
    changed = actions.change(con, action, ids=[run_id], actor=who)
    run = runs.find(con, run_id)
    if run is None:
        raise _unknown(run_id)
    if not changed.ids:
        allowed = ", ".join(actions.ELIGIBLE[action])
        raise Problem(
            409, "Conflict", f"run {run_id} is {run.state}; {action} requires a run that is {allowed}"
        )
    return answer(202, run.to_json(), location=f"/api/runs/{run_id}")


def _many(action: str, bulk: Bulk) -> Response[str]:
    done = actions.change(
        connection(),
        action,
        actor=authentication.identity(router).name,
        ids=None if bulk.ids is None else [str(run_id) for run_id in bulk.ids],
        wanted=bulk.filter.as_filter() if bulk.filter else None,
        after=str(bulk.after) if bulk.after else None,
    )
    return answer(200, {"changed": done.ids, "after": done.last})


def _run_id(value: object) -> str:
    found = parse_run_id(value)
    if found is None:
        raise ValueError(value)
    return found


def _unknown(run_id: str) -> Problem:
    return Problem(404, "Not found", f"there is no run {run_id}")
