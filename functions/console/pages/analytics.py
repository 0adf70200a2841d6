"""The analytics page: runs over time, durations, errors by type, and records over time."""

from collections import defaultdict
from typing import Any

from console.views import charts
from console.web import render
from console.web.request import current_request, router
from slowmatch.db import connection
from slowmatch.jobs import JOBS, UnknownJob
from slowmatch.jobs.queries import metrics


@router.get("/dashboard/analytics")
def analytics_page() -> render.Page:
    """All jobs, or the one in the query. Raises UnknownJob."""
    con, window, job = connection(), charts.window(), current_request().query.get("job")
    if job is not None and job not in JOBS:
        raise UnknownJob(job[:80])
    now = con.now()
    return render.dashboard_page(
        "analytics.html",
        con,
        window=window,
        job=job,
        jobs=list(JOBS),
        runs=charts.runs(con, now, window, job),
        durations={
            name: rows for name, rows in metrics.durations(con, now, window).items() if job in (None, name)
        },
        errors=_errors(metrics.failure_reasons(con, now, window, job)),
        records=[] if job else charts.records(con, now, window),
    )


def _errors(reasons: charts.Rows) -> list[dict[str, Any]]:
    """Error types, the most frequent first, each with its jobs and its last run."""
    by_type: dict[str, charts.Rows] = defaultdict(list)
    for row in reasons:
        by_type[row["error_type"]].append(row)
    errors = [
        {
            **max(rows, key=lambda row: row["last_at"]),
            "count": sum(row["count"] for row in rows),
            "jobs": {row["job"]: row["count"] for row in rows},
        }
        for rows in by_type.values()
    ]
    return sorted(errors, key=lambda error: (-error["count"], error["error_type"]))
