"""The pages of the console. `{record}` and `{failed}` stand for ids of `sample_data`."""

DASHBOARD = (
    "failing runs enqueued scheduled processing succeeded failed deleted retries upcoming"
    " recurring workers analytics activity"
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
    "/runs/{failed}",
    "/runs/{processing}",
    "/runs/{succeeded}",
]
"""The pages that refresh by themselves."""
PAGES = [*LIVE, "/records/import", "/records/export", "/dashboard/failed/csv", "/runs/nothing"]
