from slowmatch.jobs import Boolean, Integer, Job

JOB = Job(
    name="db-cleanup",
    description="Deletes records that expired longer ago than the retention period.",
    payload={
        "dry_run": Boolean("only count; delete nothing"),
        "older_than_days": Integer("number of days to use instead of RECORD_RETENTION_DAYS", 1, 3650),
    },
)
