"""The dashboard's first page, which shows whether anything is wrong, and the page of workers and queues."""

from datetime import timedelta

from console.views import charts
from console.views.run_lists import find_rows
from console.web import render
from console.web.request import HOME, router
from slowmatch.db import connection
from slowmatch.jobs.queries import health, queue_depths, warnings, workers
from slowmatch.jobs.run_filter import RunFilter

LONG_WAIT = timedelta(minutes=5)
FAILURES_SHOWN = 5
RUNNING_ROWS = 10


@router.get("/")
@router.get("/hangfire")
@router.get("/hangfire/.+")
def redirect_to_dashboard() -> render.Page:
    return render.redirect(HOME)


@router.get("/dashboard")
def overview_page() -> render.Page:
    con = connection()
    now, window = con.now(), charts.window()
    facts, depths = health.facts(con, now), queue_depths.depths()
    oldest = facts.oldest_waiting_at
    return render.dashboard_page(
        "overview.html",
        con,
        facts=facts,
        is_dispatcher_late=facts.dispatcher.is_late(now),
        waits_long=oldest is not None and now - oldest > LONG_WAIT,
        problems=list(warnings.problems(facts, depths, con.clock_offset, now)),
        realtime=charts.realtime(con, now),
        history=charts.runs(con, now, window),
        window=window,
        depths=depths,
        queues=queue_depths.waiting_runs(con, now),
        acknowledged=[job.job for job in facts.failing if job.acknowledged],
        is_quiet=not (facts.failed_24h.number or facts.retrying.number),
        failures=[group for job in facts.failing for group in job.open][:FAILURES_SHOWN],
        running=find_rows(con, RunFilter(state="processing"), RUNNING_ROWS)[0],
    )


@router.get("/dashboard/workers")
def workers_page() -> render.Page:
    con = connection()
    now = con.now()
    facts, depths = health.facts(con, now), queue_depths.depths()
    return render.dashboard_page(
        "workers.html",
        con,
        workers=workers.workers(con, now),
        problems=list(warnings.problems(facts, depths, con.clock_offset, now)),
        last_pass=facts.dispatcher,
        clock_seconds=round(con.clock_offset.total_seconds(), 1) + 0.0,  # no -0.0
        depths=depths,
        queues=queue_depths.waiting_runs(con, now),
    )
