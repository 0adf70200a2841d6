"""The analytics page: runs over time, durations, errors by type, and records over time."""

from collections import defaultdict
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Router

from console.views import charts
from console.web import render
from console.web.render import Page
from console.web.request import current_request
from slowmatch.db import connection
from slowmatch.jobs import JOBS, UnknownJob
from slowmatch.jobs.queries import metrics, runs

router = Router()  # type: ignore[no-untyped-call]


@router.get("/dashboard/analytics")
def analytics_page() -> Page:
    """All jobs, or the one in the query. Raises UnknownJob."""
    request, con = current_request(router), connection()
    window, job, now = charts.window(request), request.query.get("job"), con.now()
    if job is not None and job not in JOBS:
        raise UnknownJob(job[:80])
    history = charts.runs(con, now, window, job)
    return render.page(
        request,
        "analytics.html",
        con=con,
        counts=runs.counts(con),
        window=window,
        job=job,
        jobs=list(JOBS),
        runs=history,
        success_rate=_success_rate(history),
        durations=_durations(metrics.durations(con, now, window), job),
        errors=_errors(metrics.failure_reasons(con, now, window), job),
        records=[] if job else charts.records(con, now, window),
    )


def _success_rate(runs: charts.Rows) -> float | None:
    """The share of runs that succeeded, 0..1, of those that succeeded or failed."""
    succeeded, failed = (sum(row[name] or 0 for row in runs) for name in ("succeeded", "failed"))
    return succeeded / (succeeded + failed) if succeeded + failed else None


def _durations(found: dict[str, charts.Rows], job: str | None) -> dict[str, dict[str, Any]]:
    """By job: its rows with p50 and p95, and the last row that has them."""
    series = {}
    for name, rows in found.items():
        if job in (None, name):
            rows = [{**row, "p50": row["p50_ms"], "p95": row["p95_ms"]} for row in rows]
            last = next((row for row in reversed(rows) if row["p50"] is not None), None)
            series[name] = {"rows": rows, "last": last}
    return series


def _errors(found: charts.Rows, job: str | None) -> list[dict[str, Any]]:
    """Error types, the most frequent first, each with its jobs and its last run."""
    by_type: dict[str, charts.Rows] = defaultdict(list)
    for row in found:
        if job in (None, row["job"]):
            by_type[row["error_type"]].append(row)
    errors = []
    for error_type, rows in by_type.items():
        latest = max(rows, key=lambda row: row["last_at"])
        errors.append(
            {
                "error_type": error_type,
                "count": sum(row["count"] for row in rows),
                "jobs": {row["job"]: row["count"] for row in rows},
                "last_at": latest["last_at"],
                "last_run_id": latest["last_run_id"],
            }
        )
    return sorted(errors, key=lambda error: (-error["count"], error["error_type"]))
