-- How many attempts of a job failed in a row since its last success, and when the first of them ended. Not in `job`:
-- who locks the row of a job must not hold up its runs.
CREATE TABLE job_failures (
    job      text PRIMARY KEY,
    in_a_row integer NOT NULL CHECK (in_a_row >= 1),
    since    timestamptz NOT NULL
);

-- Until when nobody is notified of a job's failures, by whom and why.
ALTER TABLE job
    ADD COLUMN muted_until timestamptz,
    ADD COLUMN muted_by text,
    ADD COLUMN mute_note text;

-- What people did about failures. The last row of a failure (job, error type, normalised message) tells whether it is
-- acknowledged; the notifications about a job are muted and unmuted as a whole, without an error.
CREATE TABLE failure_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    job        text NOT NULL,
    action     text NOT NULL CHECK (action IN ('acknowledged', 'unacknowledged', 'muted', 'unmuted')),
    actor      text NOT NULL,
    note       text,
    error_type text,
    message    text,
    CHECK ((error_type IS NULL) = (message IS NULL))
);
CREATE INDEX failure_event_at ON failure_event (at, id);
