-- Lists of runs that wait are sorted by when they are due.
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_due ON job_run (state, due_at, id)
    WHERE state IN ('enqueued', 'scheduled');
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_retry_due ON job_run (due_at, id)
    WHERE state = 'scheduled' AND failures > 0;

-- The runs of a bulk action. The audit log has such an action once, so what people did one by one is indexed by
-- itself. Code from before reads the audit log without the old index, in more time.
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_event_bulk ON job_event (bulk_action_id, run_id)
    WHERE bulk_action_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_event_by_hand ON job_event (at, reason, actor)
    WHERE reason IN ('created by api', 'created by console', 'requeue', 'run-now', 'delete')
      AND bulk_action_id IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS job_event_person;
