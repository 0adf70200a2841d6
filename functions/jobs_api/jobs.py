"""Routes about jobs: list them, run one, pause and resume its schedule."""

import hashlib
import json
from datetime import datetime, timedelta

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from jobs_api.answers import FailureList, Job, JobList, NewRuns, answer
from jobs_api.models import MAX_NEW_RUNS_BYTES, YEAR_SECONDS, JobName, NewRun, Pause
from slowmatch.db import connection
from slowmatch.http.api import documented
from slowmatch.http.auth import authentication
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.encoding import utc_text
from slowmatch.http.errors import Problem
from slowmatch.http.request import accept_bytes, idempotency_key
from slowmatch.jobs import PayloadError, PayloadsError, enqueue, enqueue_many
from slowmatch.jobs.catalog import job as job_spec
from slowmatch.jobs.lifecycle import pause as pauses
from slowmatch.jobs.model import Run
from slowmatch.jobs.queries import failing, job_summaries, runs

JOB = documented(200, "The job", Job)
CREATED = documented(202, "The new run, or the ids of the new runs", Run | NewRuns)
router = Router()  # type: ignore[no-untyped-call]


@router.get("/api/jobs", summary="List the jobs", responses=documented(200, "All jobs", JobList))
def list_jobs() -> Response[str]:
    con = connection()
    return answer(200, {"items": job_summaries.list_jobs(con, con.now())})


@router.get(
    "/api/failing",
    summary="List what fails: failed and retried runs, grouped by job and error",
    responses=documented(200, "The failures", FailureList),
)
def list_failures() -> Response[str]:
    con = connection()
    jobs = failing.failing_jobs(con, con.now())
    return answer(200, {"items": [group for job in jobs for group in job.groups]})


@router.get("/api/jobs/<job>", summary="Read a job", responses=JOB)
def get_job(job: JobName) -> Response[str]:
    return _job(job)


@router.post("/api/jobs/<job>/runs", summary="Run a job", responses=CREATED)
@allow(Role.OPERATOR)
@accept_bytes(MAX_NEW_RUNS_BYTES)
def run_job(job: JobName, new: NewRun) -> Response[str]:
    con = connection()
    authentication.require(router, job_role(job_spec(job).name))
    due_at, actor = _due(new, con.now()), authentication.identity(router).name
    key, digest = idempotency_key(router.current_event.raw_event), _digest(new)
    if new.payloads is not None:
        # The first run has the key itself, so that no other request can use it.
        keys = None if key is None else [key, *(f"{key}.{index}" for index in range(1, len(new.payloads)))]
        try:
            made = enqueue_many(
                con, job, new.payloads, due_at, actor=actor, idempotency_keys=keys, request_digest=digest
            )
        except PayloadsError as error:
            raise _invalid(f"payloads.{error.index}", error.error) from error
        return answer(202, {"run_ids": [each.run_id for each in made]})
    try:
        one = enqueue(con, job, new.payload, due_at, actor=actor, idempotency_key=key, request_digest=digest)
    except PayloadError as error:
        raise _invalid("payload", error) from error
    return answer(202, runs.get(con, one.run_id), location=f"/api/runs/{one.run_id}")


@router.post("/api/jobs/<job>/pause", summary="Pause the schedule", responses=JOB)
@allow(Role.OPERATOR)
def pause_job(job: JobName, pause: Pause) -> Response[str]:
    con, who = connection(), authentication.identity(router).name
    pauses.pause(con, job_spec(job).name, who, note=pause.note, now=con.now())
    return _job(job)


@router.post("/api/jobs/<job>/resume", summary="Resume the schedule", responses=JOB)
@allow(Role.OPERATOR)
def resume_job(job: JobName) -> Response[str]:
    con, who = connection(), authentication.identity(router).name
    pauses.resume(con, job_spec(job).name, who, con.now())
    return _job(job)


def _digest(new: NewRun) -> str:
    """Of the request as it was made: with a delay, not with the time that it leads to."""
    left_out = "payloads" if new.payloads is None else "payload"
    request = json.dumps(new.model_dump(mode="json", exclude={left_out}), sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()


def _invalid(payload: str, error: PayloadError) -> Problem:
    """`payload` says which payload the error is about."""
    field = payload if error.field == "payload" else f"{payload}.{error.field}"
    return Problem.invalid([{"field": field, "message": error.message}])


def _job(name: str) -> Response[str]:
    con = connection()
    return answer(200, job_summaries.summary_of(con, name, con.now()))


def _due(new: NewRun, now: datetime) -> datetime | None:
    if new.delay_seconds is not None:
        return now + timedelta(seconds=new.delay_seconds)
    if new.due_at is not None and not now <= new.due_at <= now + timedelta(seconds=YEAR_SECONDS):
        message = f"must be between now ({utc_text(now.replace(microsecond=0))}) and a year from now"
        raise Problem.invalid([{"field": "due_at", "message": message}])
    return new.due_at
