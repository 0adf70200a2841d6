"""The servers' page: execution environments, queues, the dispatcher, clocks."""

from aws_lambda_powertools.event_handler import Response

from console import render, verdict
from console.request import Request
from console.words import number
from slowmatch.db import Connection
from slowmatch.jobs import overview, queue, waiting


def show(request: Request, con: Connection) -> Response[str]:
    now = con.now()
    alerts, depths = overview.alerts(con, now), queue.depths()
    about = {"workers", "clocks", "queues"}
    return render.page(
        request,
        "workers.html",
        con=con,
        counts=overview.counts(con),
        workers=overview.workers(con, now),
        wrong=[
            each
            for each in verdict.wrong(alerts, depths, con.clock_offset, now)
            if each["link"].rpartition(" ")[2] in about
        ],
        tick=alerts["last_dispatcher_tick"],
        did=[f"{number(count)} {name}" for name, count in sorted(alerts["dispatcher_did"].items()) if count],
        clock_seconds=round(con.clock_offset.total_seconds(), 1) + 0.0,  # no -0.0
        depths=depths,
        queues=waiting.queues(con, now),
    )
