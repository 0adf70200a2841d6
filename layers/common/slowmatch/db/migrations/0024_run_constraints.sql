-- Contract: nothing needs them since runs are created with ON CONFLICT DO NOTHING, and purged with what belongs to them.
-- Tables of hundreds of millions of rows are vacuumed each half day, and not when a fifth of them is dead.
ALTER TABLE job_run
    DROP CONSTRAINT job_run_job_occurrence_key,
    DROP CONSTRAINT job_run_job_idempotency_key_key,
    SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE job_attempt
    DROP CONSTRAINT job_attempt_run_id_fkey,
    SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE job_event
    DROP CONSTRAINT job_event_run_id_fkey,
    DROP CONSTRAINT job_event_pkey,
    ADD CONSTRAINT job_event_pkey PRIMARY KEY USING INDEX job_event_of_run,
    SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE job_log
    DROP CONSTRAINT job_log_run_id_fkey,
    DROP CONSTRAINT job_log_pkey,
    ADD CONSTRAINT job_log_pkey PRIMARY KEY USING INDEX job_log_of_run,
    SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE job_rerun DROP CONSTRAINT job_rerun_run_id_fkey;
ALTER TABLE job_missed
    DROP CONSTRAINT job_missed_pkey,
    ADD CONSTRAINT job_missed_pkey PRIMARY KEY USING INDEX job_missed_occurrence;
