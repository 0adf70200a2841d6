-- Contract: the version before takes any unique index for an occurrence, and 0024 has built the new ones.
ALTER TABLE job_run DROP CONSTRAINT job_run_job_occurrence_key;
ALTER TABLE job_missed DROP CONSTRAINT job_missed_pkey,
    ADD CONSTRAINT job_missed_pkey PRIMARY KEY USING INDEX job_missed_occurrence;
