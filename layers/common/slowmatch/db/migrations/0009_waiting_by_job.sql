-- The dispatcher takes the oldest waiting runs of each job, however many those of the other jobs are. Code from
-- before finds the same runs through the new index, in more time when very many wait.
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_waiting_job ON job_run (job, due_at)
    WHERE state IN ('enqueued', 'scheduled');
DROP INDEX CONCURRENTLY IF EXISTS job_run_waiting;
