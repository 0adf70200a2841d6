-- An occurrence has one run for each schedule. The keys of occurrences and idempotency keys hold the few runs that have
-- one; events and log lines are found by their run alone; failed runs, which are kept longer, have an index of their own.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_run_occurrence ON job_run (job, schedule, occurrence)
    WHERE occurrence IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_schedule ON job_run (schedule, id) WHERE schedule <> '';
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_missed_occurrence ON job_missed (job, schedule, occurrence);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_run_idempotency_key ON job_run (job, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_ended ON job_run (finished_at)
    WHERE state IN ('succeeded', 'deleted');
DROP INDEX CONCURRENTLY IF EXISTS job_run_finished;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_event_of_run ON job_event (run_id, id);
DROP INDEX CONCURRENTLY IF EXISTS job_event_run;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS job_log_of_run ON job_log (run_id, id);
DROP INDEX CONCURRENTLY IF EXISTS job_log_run;
