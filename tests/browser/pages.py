"""The pages of the console. `{record}` and `{failed}` stand for ids of `sample_data`."""

DASHBOARD = (
    "runs enqueued scheduled processing succeeded failed deleted retries recurring workers analytics activity"
)
LIVE = [
    "/records",
    "/records?status=expired",
    "/records?q=nothing+has+this+title",
    "/records/{record}",
    "/jobs",
    "/jobs/daily-summary",
    "/jobs/db-cleanup",
    "/dashboard",
    *(f"/dashboard/{name}" for name in DASHBOARD.split()),
    "/runs/{failed}",
    "/runs/{processing}",
    "/runs/{succeeded}",
]
"""The pages that refresh by themselves."""
PAGES = [*LIVE, "/dashboard/failed/csv", "/runs/nothing"]
