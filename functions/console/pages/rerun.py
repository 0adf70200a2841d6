"""Run again with changes: a form with a run's payload, which makes a new run that is linked to it.

Imported before pages.run, whose route for actions matches this address, too.
"""

from console.forms import job as job_form
from console.forms.job import JobForm
from console.views.run import find_run, short_id
from console.web import authorization, render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.http.auth.authentication import allow
from slowmatch.http.auth.roles import Role, job_role
from slowmatch.http.errors import Problem
from slowmatch.jobs import PayloadError
from slowmatch.jobs.catalog import job as job_named
from slowmatch.jobs.lifecycle.enqueue import run_again
from slowmatch.jobs.model import Run


@router.get("/runs/<run_id>/again")
@allow(Role.OPERATOR)
def rerun_page(run_id: str) -> render.Page:
    run = _run(run_id)
    return _page(run, job_form.of_payload(job_named(run.job), run.payload or {}))


@router.post("/runs/<run_id>/again")
@allow(Role.OPERATOR)
def rerun(run_id: str) -> render.Page:
    run, request, con = _run(run_id), current_request(), connection()
    form = job_form.read(request.form, job_named(run.job), con.now())
    if form.errors:
        return _page(run, form, 422)
    try:
        new_id = run_again(
            con, run, form.payload, form.due_at, trigger="console", actor=request.identity.name
        )
    except PayloadError as error:
        form.errors[error.field] = error.message
        return _page(run, form, 422)
    message = f"Run {short_id(new_id)} of {run.job} was created from run {short_id(run.id)}."
    return render.redirect(f"/runs/{new_id}", flash_message=message)


def _run(run_id: str) -> Run:
    """The run, if the visitor may start its job and its payload is small enough for a form."""
    run = find_run(connection(), run_id)
    authorization.require_role(job_role(job_named(run.job).name))
    if run.payload is None:
        reason = "the payload of this run is too large for a form; start the job through the API instead"
        raise Problem(409, "Not possible here", reason)
    return run


def _page(run: Run, form: JobForm, status: int = 200) -> render.Page:
    job = job_named(run.job)
    dropped = [name for name in run.payload or {} if name not in job.payload]
    return render.page("rerun.html", status, con=connection(), run=run, job=job, form=form, dropped=dropped)
