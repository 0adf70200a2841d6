"""The pages of the console. `{record}`, `{schedule}` and `{failed}` stand for what is in `sample_data`."""

DASHBOARD = (
    "failing runs enqueued scheduled processing succeeded failed deleted retries upcoming"
    " schedules workers analytics activity"
)
LIVE = [
    "/records",
    "/records?status=due&sort=-expiry_date",
    "/records?status=expired",
    "/records?q=nothing+has+this+title",
    "/records/{record}",
    "/jobs",
    "/jobs/daily-summary",
    "/jobs/db-cleanup",
    "/dashboard",
    *(f"/dashboard/{name}" for name in DASHBOARD.split()),
    "/dashboard/schedules/{schedule}",
    "/runs/{failed}",
    "/runs/{processing}",
    "/runs/{succeeded}",
]
"""The pages that refresh by themselves."""
PAGES = [
    *LIVE,
    "/dashboard/new-schedule",
    "/records/import",
    "/records/export",
    "/dashboard/failed/csv",
    "/runs/nothing",
]
