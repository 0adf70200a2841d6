-- Lists of runs that wait are sorted by when they are due.
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_due ON job_run (state, due_at, id)
    WHERE state IN ('enqueued', 'scheduled');
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_retry_due ON job_run (due_at, id)
    WHERE state = 'scheduled' AND failures > 0;
