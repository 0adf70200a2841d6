-- Why a job cannot run: what its function last found wrong with the job's settings, and when.
ALTER TABLE job
    ADD COLUMN flaw text,
    ADD COLUMN flaw_at timestamptz,
    ADD CONSTRAINT job_flaw_check CHECK ((flaw IS NULL) = (flaw_at IS NULL)) NOT VALID;
