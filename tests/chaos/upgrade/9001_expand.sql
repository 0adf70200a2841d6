-- A next version as docs/deploy.md wants it: columns, a constraint that is checked later, a table.
ALTER TABLE record ADD COLUMN colour text NOT NULL DEFAULT 'none';
ALTER TABLE job_run ADD COLUMN cost integer;
ALTER TABLE job_run ADD CONSTRAINT job_run_cost CHECK (cost >= 0) NOT VALID;

CREATE TABLE record_tag (
    record_id bigint NOT NULL REFERENCES record ON DELETE CASCADE,
    tag       text NOT NULL,
    PRIMARY KEY (record_id, tag)
);
