"""The servers' page: execution environments, queues, the dispatcher, clocks."""

from aws_lambda_powertools.event_handler import Response

from console.views import warnings
from console.views.formatting import number
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.queries import health, queue_depths, runs, workers


def show(request: Request, con: Connection) -> Response[str]:
    now = con.now()
    facts, depths = health.facts(con, now), queue_depths.depths()
    found = health.problems(facts, depths, con.clock_offset, now)
    return render.page(
        request,
        "workers.html",
        con=con,
        counts=runs.counts(con),
        workers=workers.workers(con, now),
        wrong=warnings.links(each for each in found if each.kind in warnings.ABOUT_WORKERS),
        tick=facts.dispatcher.at,
        did=[f"{number(count)} {name}" for name, count in sorted(facts.dispatcher.did.items()) if count],
        clock_seconds=round(con.clock_offset.total_seconds(), 1) + 0.0,  # no -0.0
        depths=depths,
        queues=queue_depths.waiting_runs(con, now),
    )
