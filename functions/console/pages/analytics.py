"""GET /dashboard/analytics: how runs went over time, how long they took, why they failed, what became of records."""

from collections import defaultdict
from typing import Any

from aws_lambda_powertools.event_handler import Response

from console.views import charts
from console.web import render
from console.web.request import Request
from slowmatch.db import Connection
from slowmatch.jobs import JOBS, UnknownJob
from slowmatch.jobs.queries import metrics, runs


def show(request: Request, con: Connection) -> Response[str]:
    span, job, now = charts.window(request), _job(request), con.now()
    history = charts.history(con, now, span, job)
    return render.page(
        request,
        "analytics.html",
        con=con,
        counts=runs.counts(con),
        window=span,
        job=job,
        jobs=list(JOBS),
        runs=history,
        rate=_success_rate(history),
        durations=_durations(metrics.durations(con, now, span), job),
        reasons=_reasons(metrics.failure_reasons(con, now, span), job),
        records=[] if job else charts.records(con, now, span),
    )


def _job(request: Request) -> str | None:
    """The job to look at, None for all. Raises UnknownJob."""
    name = request.query.get("job")
    if name is not None and name not in JOBS:
        raise UnknownJob(name[:80])
    return name


def _success_rate(runs: charts.Rows) -> float | None:
    """The part of the runs that ended by themselves and ended well, 0..1."""
    succeeded, failed = (sum(row[name] or 0 for row in runs) for name in ("succeeded", "failed"))
    return succeeded / (succeeded + failed) if succeeded + failed else None


def _durations(found: dict[str, charts.Rows], job: str | None) -> dict[str, dict[str, Any]]:
    """By job: its rows with p50 and p95, and the last of them in which something ended."""
    series = {}
    for name, rows in found.items():
        if job in (None, name):
            rows = [{**row, "p50": row["p50_ms"], "p95": row["p95_ms"]} for row in rows]
            last = next((row for row in reversed(rows) if row["p50"] is not None), None)
            series[name] = {"rows": rows, "last": last}
    return series


def _reasons(found: charts.Rows, job: str | None) -> list[dict[str, Any]]:
    """Error types, the most frequent first, each with its count in all and its jobs."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        if job in (None, row["job"]):
            groups[row["error_type"]].append(row)
    reasons = [_reason(name, rows) for name, rows in groups.items()]
    return sorted(reasons, key=lambda reason: (-reason["count"], reason["error_type"]))


def _reason(error_type: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    latest = max(rows, key=lambda row: row["last_at"])
    return {
        "error_type": error_type,
        "count": sum(row["count"] for row in rows),
        "jobs": {row["job"]: row["count"] for row in rows},
        "last_at": latest["last_at"],
        "last_run_id": latest["last_run_id"],
    }
