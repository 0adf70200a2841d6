"""The servers' page: execution environments, queues, the dispatcher, clocks."""

from aws_lambda_powertools.event_handler import Response

from console.views import warnings
from console.views.formatting import number
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.queries import overview, waiting


def show(request: Request, con: Connection) -> Response[str]:
    now = con.now()
    alerts, depths = overview.alerts(con, now), messages.depths()
    about = {"workers", "clocks", "queues"}
    return render.page(
        request,
        "workers.html",
        con=con,
        counts=overview.counts(con),
        workers=overview.workers(con, now),
        wrong=[
            each
            for each in warnings.wrong(alerts, depths, con.clock_offset, now)
            if each["link"].rpartition(" ")[2] in about
        ],
        tick=alerts["last_dispatcher_tick"],
        did=[f"{number(count)} {name}" for name, count in sorted(alerts["dispatcher_did"].items()) if count],
        clock_seconds=round(con.clock_offset.total_seconds(), 1) + 0.0,  # no -0.0
        depths=depths,
        queues=waiting.queues(con, now),
    )
