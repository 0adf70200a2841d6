"""Routes about schedules made at run time: list, read, put, delete, pause, resume, run."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import ListedSchedule, Schedule, ScheduleList, answer
from jobs_api.models import NewSchedule, ScheduleName
from slowmatch.db import connection
from slowmatch.http.api import documented
from slowmatch.http.auth import authentication
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.http.preconditions import if_match
from slowmatch.http.request import header
from slowmatch.jobs import PayloadError
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import runs
from slowmatch.jobs.schedules import model, store
from slowmatch.jobs.schedules.model import NEW, NoSuchSchedule
from slowmatch.jobs.schedules.timing import ScheduleError
from slowmatch.jobs.schedules.wake import wake_dispatcher

NO_VERSION = -1
"""Never that of a schedule."""
SCHEDULE = documented(200, "The schedule; the header ETag is its version", Schedule)
PUT = SCHEDULE | documented(201, "The new schedule", Schedule)
router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/api/schedules",
    summary="List the schedules made at run time",
    responses=documented(200, "All schedules, without their payloads", ScheduleList),
)
def list_schedules() -> Response[str]:
    con = connection()
    now = con.now()
    return answer(200, {"items": [_listed(each, now) for each in store.all_schedules(con)]})


@router.get("/api/schedules/<name>", summary="Read a schedule", responses=SCHEDULE)
def get_schedule(name: ScheduleName) -> Response[str]:
    return _answer(200, store.get(connection(), name))


@router.put("/api/schedules/<name>", summary="Make or change a schedule", responses=PUT)
@allow(Role.OPERATOR)
def put_schedule(name: ScheduleName, schedule: NewSchedule) -> Response[str]:
    con = connection()
    current = store.find(con, name)
    for job in {schedule.job, *([current.job] if current else [])}:
        authentication.require(router, job_role(job))
    given = {field: value for field, value in schedule.model_dump().items() if value is not None}
    try:
        written = store.put(con, name, **given, actor=_actor(), version=_version(current))
    except ScheduleError as error:
        raise _invalid(error.field, error.message) from error
    wake_dispatcher()
    return _answer(200 if current else 201, written)


@router.delete(
    "/api/schedules/<name>",
    summary="Delete a schedule",
    responses={204: {"description": "The schedule was deleted"}},
)
@allow(Role.OPERATOR)
def delete_schedule(name: ScheduleName) -> Response[None]:
    current = _allowed(name)
    if not store.remove(connection(), name, actor=_actor(), version=_version(current)):
        raise NoSuchSchedule(name)
    wake_dispatcher()
    return Response(204)


@router.post("/api/schedules/<name>/pause", summary="Pause a schedule", responses=SCHEDULE)
@allow(Role.OPERATOR)
def pause_schedule(name: ScheduleName) -> Response[str]:
    return _set_enabled(name, False)


@router.post("/api/schedules/<name>/resume", summary="Resume a schedule", responses=SCHEDULE)
@allow(Role.OPERATOR)
def resume_schedule(name: ScheduleName) -> Response[str]:
    return _set_enabled(name, True)


@router.post(
    "/api/schedules/<name>/run",
    summary="Start a run with the schedule's payload now",
    responses=documented(202, "The new run", Run),
)
@allow(Role.OPERATOR)
def run_schedule(name: ScheduleName) -> Response[str]:
    con = connection()
    _allowed(name)
    try:
        run_id = store.run_now(con, name, actor=_actor())
    except PayloadError as error:
        raise _invalid(f"payload.{error.field}", error.message) from error
    return answer(202, runs.get(con, run_id), location=f"/api/runs/{run_id}")


def _set_enabled(name: str, enabled: bool) -> Response[str]:
    current = _allowed(name)
    changed = store.set_enabled(connection(), name, enabled, actor=_actor(), version=_version(current))
    wake_dispatcher()
    return _answer(200, changed)


def _allowed(name: str) -> model.Schedule:
    """The schedule. Raise NoSuchSchedule, and Problem 403 for who may not start its job."""
    current = store.get(connection(), name)
    authentication.require(router, job_role(current.job))
    return current


def _version(current: model.Schedule | None) -> int | None:
    """The version that the request is about: by If-Match one that exists, by If-None-Match none."""
    event = router.current_event.raw_event
    if unless := header(event, "if-none-match").strip():
        if unless != "*":
            raise _invalid("If-None-Match", "must be *, for a schedule that does not exist yet")
        return NEW
    tags = if_match(event)
    if tags is None:
        wants_any = header(event, "if-match").strip() == "*"
        return NO_VERSION if wants_any and current is None else None
    return current.version if current and str(current.version) in tags else NO_VERSION


def _actor() -> str:
    return authentication.identity(router).name


def _answer(status: int, schedule: model.Schedule) -> Response[str]:
    shown = _listed(schedule, connection().now()) | {"payload": schedule.payload}
    return answer(status, shown, etag=f'"{schedule.version}"')


def _listed(schedule: model.Schedule, now: datetime) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(schedule).items() if name in ListedSchedule.model_fields}
    return shown | {
        "in_force": schedule.in_force == schedule.version,
        "sync_error": schedule.sync_error or schedule.error,
        "words": schedule.words,
        "estimated": schedule.is_rate,
        "next": [at.isoformat() for at in schedule.next_times(now)],
    }


def _invalid(field: str, message: str) -> Problem:
    return Problem.invalid([{"field": field, "message": message}])
