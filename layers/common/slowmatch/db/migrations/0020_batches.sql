-- Whether the last attempt was claimed together with those of other runs, and whether it was lost, so that the next one
-- is claimed alone: a run that kills its worker does not take the others of its batch with it twice.
ALTER TABLE job_run
    ADD COLUMN in_batch boolean NOT NULL DEFAULT false,
    ADD COLUMN claim_alone boolean NOT NULL DEFAULT false;
