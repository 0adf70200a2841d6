"""The dashboard's first screen: is anything wrong, what waits, what failed, what runs."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from console.views import charts, warnings
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.lifecycle import messages
from slowmatch.jobs.queries import overview, tries, waiting
from slowmatch.jobs.queries import runs as store
from slowmatch.jobs.run_filter import RunFilter

FAILURES = 5
RUNNING = 10


def show(request: Request, con: Connection) -> Response[str]:
    now, span = con.now(), charts.window(request)
    alerts, depths = overview.alerts(con, now), messages.depths()
    return render.page(
        request,
        "overview.html",
        con=con,
        counts=overview.counts(con),
        alerts=alerts,
        boxes=warnings.boxes(alerts, depths, now),
        wrong=warnings.wrong(alerts, depths, con.clock_offset, now),
        realtime=charts.realtime(con, now),
        history=charts.history(con, now, span),
        window=span,
        depths=depths,
        queues=waiting.queues(con, now),
        failures=_runs(con, "failed", FAILURES),
        running=_runs(con, "processing", RUNNING),
    )


def _runs(con: Connection, state: str, limit: int) -> list[dict[str, Any]]:
    text, _ = store.page(con, RunFilter(state=state), None, limit)
    runs: list[dict[str, Any]] = json.loads(text)
    attempts = tries.latest(con, [run["id"] for run in runs])
    return [{**run, "tried": attempts.get(run["id"]), "late": False} for run in runs]
