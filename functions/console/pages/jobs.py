"""The pages of the jobs and of their schedules: run a job, pause and resume its schedule."""

from console.forms import job as job_form
from console.forms.form import Form
from console.views import charts, schedules
from console.views.run import short_id
from console.views.run_actions import queued
from console.views.run_lists import find_rows
from console.web import authorization, render
from console.web.flash import FlashMessage
from console.web.request import current_request, page_of_button, router
from slowmatch.db import connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.jobs import PayloadError, enqueue
from slowmatch.jobs.catalog import job as job_named
from slowmatch.jobs.lifecycle import pause
from slowmatch.jobs.queries import job_summaries, made_schedules, metrics
from slowmatch.jobs.queries.failing import failing_by_name
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.text import clean

RECENT_RUNS = 20
NOTE_MAX = 500


@router.get("/jobs")
def jobs_page() -> render.Page:
    con = connection()
    now = con.now()
    jobs = job_summaries.list_jobs(con, now)
    return render.page(
        "jobs.html",
        con=con,
        jobs=jobs,
        schedules=made_schedules.counts(con),
        failing=failing_by_name(con, now),
        form=Form(),
    )


@router.get("/jobs/<job>")
def job_page(job: str) -> render.Page:
    return _page(job, job_form.empty(current_request().identity, job))


@router.post("/jobs/<job>/run")
@allow(Role.OPERATOR)
def run_job(job: str) -> render.Page:
    """Run the job now or later, with the payload of the form, which may have no fields at all."""
    request, con, spec = current_request(), connection(), job_named(job)
    authorization.require_role(job_role(job))
    form = job_form.read(request.form, spec, con.now())
    if form.errors:
        return _page(job, form, 422)
    try:
        made = enqueue(con, job, form.payload, form.due_at, trigger="console", actor=request.identity.name)
    except PayloadError as error:
        form.errors[error.field] = error.message
        return _page(job, form, 422)
    text = f"Run {short_id(made.run_id)} of {job} {form.confirmation or queued(con, made.run_id, job)}."
    message = FlashMessage(text, f"/runs/{made.run_id}", "Open the run")
    return render.redirect(page_of_button(job), flash_message=message)


@router.post("/jobs/<job>/pause")
@allow(Role.OPERATOR)
def pause_job(job: str) -> render.Page:
    request, con, name = current_request(), connection(), job_named(job).name
    note = clean(request.value("pause-note"))
    if len(note) > NOTE_MAX:
        error = f"must have at most {NOTE_MAX} characters, but has {len(note)}"
        return _page(name, Form({"pause-note": note}, {"pause-note": error}), 422)
    pause.pause(con, name, request.identity.name, note or None, now=con.now())
    text = f"The schedule of {name} was paused. The job can still be run manually."
    return render.redirect(page_of_button(name), flash_message=text)


@router.post("/jobs/<job>/resume")
@allow(Role.OPERATOR)
def resume_job(job: str) -> render.Page:
    request, con, name = current_request(), connection(), job_named(job).name
    pause.resume(con, name, request.identity.name, con.now())
    return render.redirect(page_of_button(name), flash_message=f"The schedule of {name} was resumed.")


def _page(name: str, form: Form, status: int = 200) -> render.Page:
    con, window = connection(), charts.window()
    now = con.now()
    job = job_summaries.summary_of(con, name, now)
    rows, last = find_rows(con, RunFilter(job=name), RECENT_RUNS, has_attempts=False)
    ended = charts.runs(con, now, window, name)
    errors = metrics.failure_reasons(con, now, window, name)
    page = render.page(
        "job.html",
        status,
        con=con,
        job=job,
        failing=failing_by_name(con, now),
        window=window,
        runs=ended if any(map(charts.has_counts, ended)) else [],
        durations=metrics.durations(con, now, window)[name],
        errors=sorted(errors, key=lambda error: str(error["last_at"]), reverse=True),
        rows=rows,
        has_more=bool(last),
        pauses=pause.pauses(con, name),
        schedules=schedules.first_of_job(con, name, now),
        number_of_schedules=made_schedules.counts(con).get(name, 0),
        form=form,
    )
    if status != 200:  # a reload shows the job's page, not the refused form
        page.headers["HX-Push-Url"] = f"/jobs/{name}"
    return page
