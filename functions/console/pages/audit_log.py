"""The audit trail: who did what, and when."""

from aws_lambda_powertools.event_handler import Response

from console.forms import run_filter
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs.queries import audit_log, runs

SIZE = 50
CURSOR_MAX = 1_000


def show(request: Request, con: Connection) -> Response[str]:
    before = request.query.get("before", "")[:CURSOR_MAX]
    wrong = False
    try:
        found = audit_log.page(con, before or None, SIZE)
    except ValueError:
        before, wrong, found = "", True, audit_log.page(con, None, SIZE)
    start = run_filter.Filter({})
    return render.page(
        request,
        "audit_log.html",
        con=con,
        counts=runs.counts(con),
        items=found.items,
        on_first=not before,
        wrong=wrong,
        next=start.address(request.path, before=found.next) if found.next else None,
    )
