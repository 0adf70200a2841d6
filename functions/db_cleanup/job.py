from slowmatch.jobs import Boolean, Integer, Job

JOB = Job(
    name="db-cleanup",
    description="Removes the records that expired longer ago than the retention.",
    payload={
        "dry_run": Boolean("count only, remove nothing"),
        "older_than_days": Integer("instead of RECORD_RETENTION_DAYS", 1, 3650),
    },
)
