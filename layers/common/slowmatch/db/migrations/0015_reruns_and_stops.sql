-- Which run is which one run again, perhaps with another payload. The earlier one may be gone: it is kept for its own time.
CREATE TABLE job_rerun (
    run_id   uuid PRIMARY KEY REFERENCES job_run ON DELETE CASCADE,
    rerun_of uuid NOT NULL
);
CREATE INDEX job_rerun_of ON job_rerun (rerun_of);

-- When the handler of a stopped run ended, and whether it ended because it noticed the stop at a checkpoint.
ALTER TABLE job_run
    ADD COLUMN handler_ended_at timestamptz,
    ADD COLUMN stop_noticed boolean,
    ADD CONSTRAINT job_run_handler_check CHECK ((handler_ended_at IS NULL) = (stop_noticed IS NULL)) NOT VALID;
