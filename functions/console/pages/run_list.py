"""Lists of runs by state, with search, filter, pages and what can be done to many at once."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.event_handler import Response

from console.forms import run_filter
from console.forms.run_filter import Filter
from console.views.run_lists import LISTS, Kind
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.http.auth.identity import Role
from slowmatch.jobs.lifecycle import actions
from slowmatch.jobs.queries import queue_depths, runs
from slowmatch.jobs.run_filter import RunFilter
from slowmatch.settings import settings

WITH_ATTEMPT = {"worker", "progress", "started", "since", "error", "reason", "duration"}
"""Columns that need to know about the run's present or last attempt."""


def show(request: Request, con: Connection, name: str) -> Response[str]:
    kind = LISTS[name]
    asked = run_filter.read(request.query, state=kind.state, retrying=kind.retrying)
    rows, last = _page(con, kind, asked)
    return render.page(
        request,
        "run_list.html",
        con=con,
        kind=kind,
        asked=asked,
        offers=run_filter.choices(asked),
        runs=rows,
        next=asked.address(request.path, before=last) if last else None,
        counts=runs.counts(con),
        queues=queue_depths.waiting_runs(con, con.now()) if name == "enqueued" else None,
        kept_days=_kept_days(kind),
        bulk=_bulk(request, con, kind, asked.wanted, more=bool(last or asked.before)),
    )


def _kept_days(kind: Kind) -> int | None:
    """How long runs of this list stay; None for those that are not over."""
    known = {"failed": settings().failed_run_retention_days}
    known |= dict.fromkeys(("succeeded", "deleted"), settings().run_retention_days)
    return known.get(kind.name)


def _page(con: Connection, kind: Kind, asked: Filter) -> tuple[list[dict[str, Any]], str | None]:
    found = runs.page(con, asked.wanted, asked.before, asked.size)
    with_attempt = [run.id for run in found.items] if WITH_ATTEMPT & set(kind.columns) else []
    attempts, now = runs.last_attempts(con, with_attempt), con.now()
    rows = [
        {
            **asdict(run),
            "tried": attempts.get(run.id),
            "late": run.lease_until is not None and run.lease_until < now,
            "actions": [name for name, states in actions.ELIGIBLE.items() if run.state in states],
        }
        for run in found.items
    ]
    return rows, found.last


def _bulk(
    request: Request, con: Connection, kind: Kind, wanted: RunFilter, *, more: bool
) -> dict[str, Any] | None:
    """The actions of this list; with how many runs of all pages each would change, when there are more pages."""
    if not request.identity.may(Role.ADMIN):
        return None
    return {name: actions.bulk_count(con, wanted, name) if more else None for name in kind.actions}
