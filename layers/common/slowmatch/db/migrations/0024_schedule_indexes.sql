-- An occurrence has one run for each schedule: these replace what allows one for each job.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_run_occurrence ON job_run (job, schedule, occurrence)
    WHERE occurrence IS NOT NULL;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_missed_occurrence ON job_missed (job, schedule, occurrence);
