"""Jobs that run by a schedule."""

from aws_lambda_powertools.event_handler import Response

from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.queries import job_summaries, runs


def show(request: Request, con: Connection) -> Response[str]:
    now = con.now()
    return render.page(
        request,
        "recurring.html",
        con=con,
        counts=runs.counts(con),
        jobs=[job for job in job_summaries.list_jobs(con, now) if job.scheduled is not False],
        seen=job_summaries.checked_schedules(con),
    )
