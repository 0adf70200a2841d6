"""The dashboard's first screen: is anything wrong, what waits, what failed, what runs."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.event_handler import Response

from console.views import charts, warnings
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.model import RunState
from slowmatch.jobs.queries import health, queue_depths, runs
from slowmatch.jobs.run_filter import RunFilter

FAILURES = 5
RUNNING = 10


def show(request: Request, con: Connection) -> Response[str]:
    now, span = con.now(), charts.window(request)
    facts, depths = health.facts(con, now), queue_depths.depths()
    return render.page(
        request,
        "overview.html",
        con=con,
        counts=runs.counts(con),
        paused=facts.paused_jobs,
        boxes=warnings.boxes(facts, depths, now),
        wrong=warnings.links(health.problems(facts, depths, con.clock_offset, now)),
        realtime=charts.realtime(con, now),
        history=charts.history(con, now, span),
        window=span,
        depths=depths,
        queues=queue_depths.waiting_runs(con, now),
        failures=_runs(con, "failed", FAILURES),
        running=_runs(con, "processing", RUNNING),
    )


def _runs(con: Connection, state: RunState, limit: int) -> list[dict[str, Any]]:
    found = runs.page(con, RunFilter(state=state), limit=limit).items
    attempts = runs.last_attempts(con, [run.id for run in found])
    return [{**asdict(run), "tried": attempts.get(run.id), "late": False} for run in found]
