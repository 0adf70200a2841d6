"""Pages about jobs: what each does and how it goes, run it, pause and resume its schedule."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.forms import job as job_form
from console.views import job as job_view
from console.views.run import short
from console.web import authorization, render
from console.web.request import Request, here
from slowmatch.db import connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs import PayloadError, enqueue
from slowmatch.jobs.catalog import job as job_spec
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import job_summaries, runs
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.text import clean

RECENT = 20
NOTE_MAX = 500
PAGES = {"jobs": "/jobs", "recurring": "/dashboard/recurring"}
"""Where else the buttons of a job stand."""
router = Router()  # type: ignore[no-untyped-call]


@router.get("/jobs")
def jobs_page() -> Response[str]:
    con = connection()
    cards = [job_view.card(each) for each in job_summaries.list_jobs(con, con.now())]
    request = here(router)
    return render.page(request, "jobs.html", con=con, cards=cards, form=job_form.empty(request.identity))


@router.get("/jobs/<job>")
def job_page(job: str) -> Response[str]:
    return _job(job, job_form.empty(here(router).identity, job))


@router.post("/jobs/<job>/run")
@allow(Role.OPERATOR)
def run_job(job: str) -> Response[str]:
    """Now or later, with the payload of the form; a form without any fields is Run now."""
    request, con, spec = here(router), connection(), job_spec(job)
    authorization.require(router, job_role(job))
    asked = job_form.read(request.form, spec, con.now())
    if asked.errors:
        return _job(job, asked.again(), 422)
    try:
        made = enqueue(con, job, asked.payload, asked.due_at, trigger="console", actor=request.identity.name)
    except PayloadError as error:
        asked.errors[error.field] = error.message
        return _job(job, asked.again(), 422)
    notice = f"Run {short(made.run_id)} of {job} {asked.said}."
    return render.redirect(_back(request, job), notice=notice, href=f"/runs/{made.run_id}", link="Watch it")


@router.post("/jobs/<job>/pause")
@allow(Role.OPERATOR)
def pause_job(job: str) -> Response[str]:
    request, con, name = here(router), connection(), job_spec(job).name
    note = clean(request.value("pause-note"))
    if len(note) > NOTE_MAX:
        errors = {"pause-note": f"must have at most {NOTE_MAX} characters, this has {len(note)}"}
        return _job(name, {"values": {"pause-note": note}, "errors": errors, "choices": {}}, 422)
    pause.pause(con, name, request.identity.name, note or None, now=con.now())
    said = f"The schedule of {name} is paused. Whoever runs it by hand still can."
    return render.redirect(_back(request, name), notice=said)


@router.post("/jobs/<job>/resume")
@allow(Role.OPERATOR)
def resume_job(job: str) -> Response[str]:
    request, con, name = here(router), connection(), job_spec(job).name
    pause.resume(con, name, request.identity.name, con.now())
    return render.redirect(_back(request, name), notice=f"The schedule of {name} goes on.")


def _back(request: Request, job: str) -> str:
    """To the page where the button stood."""
    return PAGES.get(request.value("back-to"), f"/jobs/{job}")


def _job(name: str, form: dict[str, Any], status: int = 200) -> Response[str]:
    con = connection()
    card = job_view.card(job_summaries.summary_of(con, name, con.now()))
    recent = runs.page(con, RunFilter(job=name), limit=RECENT)
    page = render.page(
        here(router),
        "job.html",
        status,
        con=con,
        card=card,
        runs=recent.items,
        more=bool(recent.last),
        pauses=pause.pauses(con, name),
        form=form,
    )
    if status != 200:  # the address of a form that was refused is nothing to come back to
        page.headers["HX-Push-Url"] = f"/jobs/{name}"
    return page
