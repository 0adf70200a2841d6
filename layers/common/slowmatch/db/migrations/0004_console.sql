-- What happened to records. A person's edit is one row; a batch of a job is one row with its count.
CREATE TABLE record_event (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    record_id bigint,
    action    text NOT NULL CHECK (action IN ('created', 'changed', 'expired', 'deleted')),
    count     integer NOT NULL DEFAULT 1 CHECK (count >= 1),
    actor     text NOT NULL,
    detail    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    CHECK (record_id IS NULL OR count = 1)
);
CREATE INDEX record_event_record ON record_event (record_id, id) WHERE record_id IS NOT NULL;
CREATE INDEX record_event_at ON record_event (at, id);

-- Who paused and resumed a job's schedule, and why.
CREATE TABLE schedule_event (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    job    text NOT NULL,
    action text NOT NULL CHECK (action IN ('paused', 'resumed')),
    actor  text NOT NULL,
    note   text
);
CREATE INDEX schedule_event_at ON schedule_event (at, id);

-- Hourly figures beside job_hour: why attempts failed, and what became of records.
CREATE TABLE job_hour_error (
    job         text NOT NULL,
    hour        timestamptz NOT NULL,
    error_type  text NOT NULL,
    count       integer NOT NULL CHECK (count >= 1),
    last_run_id uuid NOT NULL,
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (job, hour, error_type)
);
CREATE INDEX job_hour_error_hour ON job_hour_error (hour);

CREATE TABLE record_hour (
    hour    timestamptz PRIMARY KEY,
    created integer NOT NULL DEFAULT 0,
    expired integer NOT NULL DEFAULT 0,
    deleted integer NOT NULL DEFAULT 0
);

-- Up to where the hourly figures are counted; what is later is counted when somebody looks.
CREATE TABLE roll_up (
    subject    text PRIMARY KEY CHECK (subject IN ('runs', 'records')),
    counted_to timestamptz NOT NULL
);

CREATE INDEX job_run_job_state ON job_run (job, state, id);
CREATE INDEX job_run_retrying ON job_run (id) WHERE state = 'scheduled' AND failures > 0;
CREATE INDEX job_run_failed ON job_run (finished_at) WHERE state = 'failed';
CREATE INDEX job_run_error_type ON job_run (split_part(error, ':', 1), id) WHERE error IS NOT NULL;
CREATE INDEX job_run_by_hand ON job_run (trigger, id) WHERE trigger <> 'schedule';
CREATE INDEX job_attempt_started ON job_attempt (started_at);
CREATE INDEX job_missed_noticed ON job_missed (noticed_at);

-- What people did to runs; workers and the dispatcher give other reasons.
CREATE INDEX job_event_person ON job_event (at, reason, actor)
    WHERE reason IN ('created by api', 'created by console', 'requeue', 'run-now', 'delete');
