-- Each job's runs that failed, and those that failed and will be tried again or are being tried.
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_failed_job ON job_run (job, finished_at) WHERE state = 'failed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_retrying_job ON job_run (job, due_at)
    WHERE failures > 0 AND state IN ('scheduled', 'enqueued', 'processing');
