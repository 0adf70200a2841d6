-- How long the runs of an hour waited, from when they were due until they started.
ALTER TABLE job_hour
    ADD COLUMN wait_p50_ms double precision,
    ADD COLUMN wait_p95_ms double precision;
