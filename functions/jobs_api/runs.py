"""Routes about runs: list, read, requeue, run now and delete, one by one or in bulk."""

from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api.answers import AttemptPage, Done, EventPage, LogPage, RunPage, TextPage, answer
from jobs_api.models import SCHEDULE_NEEDS_JOB, Bulk, JsonFieldName, Name, PathRunId, valid_run_id
from slowmatch.db import connection
from slowmatch.http import pagination
from slowmatch.http.api import documented
from slowmatch.http.auth import authentication
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.http.fields import Cursor, Limit, SearchText, Timestamp
from slowmatch.http.pagination import DEFAULT_LIMIT
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.model import Run, RunDetails, RunState, Trigger
from slowmatch.jobs.queries import run_details, runs
from slowmatch.jobs.run_filter import RunFilter

T = TypeVar("T")
ORDER = "runs"
TEXT = "Words from the error or payload, or a run ID"
SCHEDULE = "Name of a schedule made at run time; `job` is required with it"
RUNS = documented(200, "A page of runs", RunPage)
ATTEMPTS = documented(200, "A page of attempts", AttemptPage)
EVENTS = documented(200, "A page of events", EventPage)
LOG = documented(200, "A page of log lines", LogPage)
JSON = documented(200, "Part of its JSON text", TextPage)
ONE = documented(202, "The changed run", Run)
MANY = documented(200, "What was changed", Done)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/runs", summary="List and search runs", responses=RUNS)
def list_runs(
    state: Annotated[RunState | None, Query()] = None,
    job: Annotated[Name | None, Query()] = None,
    trigger: Annotated[Trigger | None, Query()] = None,
    created_from: Annotated[Timestamp | None, Query()] = None,
    created_to: Annotated[Timestamp | None, Query()] = None,
    text: Annotated[SearchText | None, Query(description=TEXT)] = None,
    retrying: Annotated[bool | None, Query()] = None,
    schedule: Annotated[Name | None, Query(description=SCHEDULE)] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[str]:
    if schedule is not None and job is None:
        raise Problem.invalid([{"field": "schedule", "message": SCHEDULE_NEEDS_JOB}])
    wanted = RunFilter(
        state=state,
        job=job,
        trigger=trigger,
        created_from=created_from,
        created_to=created_to,
        text=text,
        retrying=retrying,
        schedule=schedule,
    )
    before = pagination.decode(ORDER, cursor, valid_run_id)[0] if cursor else None
    page = runs.page(connection(), wanted, before, limit)
    end = pagination.encode(ORDER, page.last) if page.last else None
    return answer(200, {"items": page.items, "next": end})


@router.get("/api/runs/<run_id>", summary="Read a run", responses=documented(200, "The run", RunDetails))
def get_run(run_id: PathRunId) -> Response[str]:
    return answer(200, _found(run_id, run_details.details(connection(), run_id)))


@router.get("/api/runs/<run_id>/attempts", summary="List a run's attempts", responses=ATTEMPTS)
def list_attempts(run_id: PathRunId, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response[str]:
    return _part(run_id, "attempts", cursor, limit)


@router.get("/api/runs/<run_id>/events", summary="List a run's events", responses=EVENTS)
def list_events(run_id: PathRunId, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response[str]:
    return _part(run_id, "events", cursor, limit)


@router.get("/api/runs/<run_id>/log", summary="Read a run's log", responses=LOG)
def read_log(run_id: PathRunId, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response[str]:
    return _part(run_id, "log", cursor, limit)


@router.get("/api/runs/<run_id>/json/<field>", summary="Read a payload or result of any size", responses=JSON)
def read_json(run_id: PathRunId, field: JsonFieldName, cursor: Cursor = None) -> Response[str]:
    start = pagination.decode(field, cursor, pagination.bigint)[0] if cursor else 0
    page = _found(run_id, run_details.json_text(connection(), run_id, field, start))
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
    return _one("requeue", run_id)


@router.post("/api/runs/<run_id>/run-now", summary="Start a run now that is due later", responses=ONE)
@allow(Role.OPERATOR)
def run_now(run_id: PathRunId) -> Response[str]:
    return _one("run-now", run_id)


@router.post("/api/runs/<run_id>/stop", summary="Stop a run that is being processed", responses=ONE)
def stop_run(run_id: PathRunId) -> Response[str]:
    return _one("delete", run_id, ("processing",))


@router.post("/api/runs/<run_id>/delete", summary="Delete a run, or stop it", responses=ONE)
def delete_run(run_id: PathRunId) -> Response[str]:
    return _one("delete", run_id)


def _part(run_id: str, name: run_details.Part, cursor: str | None, limit: int) -> Response[str]:
    after = pagination.decode(name, cursor, pagination.bigint)[0] if cursor else 0
    page = _found(run_id, run_details.part(connection(), run_id, name, after=after, limit=limit))
    end = pagination.encode(name, page.last) if page.last else None
    return answer(200, {"items": page.items, "next": end})


def _one(action: str, run_id: str, states: tuple[str, ...] = ()) -> Response[str]:
    con, who = connection(), authentication.identity(router).name
    authentication.require(router, job_role(_found(run_id, runs.find(con, run_id)).job))
    changed = actions.change(con, action, ids=[run_id], actor=who, states=states)
    run = _found(run_id, runs.find(con, run_id))
    if not changed.ids:
        allowed = " or ".join(states or actions.ELIGIBLE[action])
        reason = f"run {run_id} is {run.word}; this action requires a run that is {allowed}"
        raise Problem(409, "Conflict", reason)
    return answer(202, run, location=f"/api/runs/{run_id}")


def _many(action: str, bulk: Bulk) -> Response[str]:
    done = actions.change(
        connection(),
        action,
        actor=authentication.identity(router).name,
        ids=bulk.ids,
        wanted=bulk.filter.as_filter() if bulk.filter else None,
        after=bulk.after,
    )
    return answer(200, {"changed": done.ids, "after": done.last})


def _found(run_id: str, value: T | None) -> T:
    if value is None:
        raise Problem(404, "Not found", f"there is no run {run_id}")
    return value
