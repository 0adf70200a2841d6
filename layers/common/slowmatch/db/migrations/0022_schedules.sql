-- Schedules that people and code make at run time. `version` is a new number with each change. The dispatcher projects
-- them to EventBridge Scheduler: `in_force` is the version it has, and `sync_error` says why it does not have the latest.
-- Missed occurrences are found as for rules: up to `checked_to`, by what was valid at their time (`history`).
CREATE SEQUENCE job_schedule_version;
CREATE TABLE job_schedule (
    name           text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    job            text NOT NULL,
    payload        jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    expression     text NOT NULL,
    time_zone      text NOT NULL,
    starts_at      timestamptz,
    ends_at        timestamptz,
    enabled        boolean NOT NULL,
    version        bigint NOT NULL DEFAULT nextval('job_schedule_version'),
    created_at     timestamptz NOT NULL,
    created_by     text NOT NULL,
    changed_at     timestamptz NOT NULL,
    changed_by     text NOT NULL,
    in_force       bigint,
    sync_error     text,
    sync_failed_at timestamptz,
    sync_attempts  integer NOT NULL DEFAULT 0,
    paused_in_aws  boolean NOT NULL DEFAULT false,
    checked_to     timestamptz NOT NULL,
    history        jsonb NOT NULL DEFAULT '[]',
    CHECK (starts_at < ends_at),
    CHECK ((sync_error IS NULL) = (sync_failed_at IS NULL))
);
CREATE INDEX job_schedule_job ON job_schedule (job, name);

-- What was done to them: what people can choose, as it was before and after.
CREATE TABLE job_schedule_event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    name     text NOT NULL,
    job      text NOT NULL,
    action   text NOT NULL CHECK (action IN ('created', 'changed', 'paused', 'resumed', 'deleted')),
    actor    text NOT NULL,
    before   jsonb CHECK (jsonb_typeof(before) = 'object'),
    after    jsonb CHECK (jsonb_typeof(after) = 'object')
);
CREATE INDEX job_schedule_event_at ON job_schedule_event (at, id);
CREATE INDEX job_schedule_event_name ON job_schedule_event (name, id);

-- Which schedule an occurrence is of; '' is the job's own rule.
ALTER TABLE job_run ADD COLUMN schedule text NOT NULL DEFAULT '';
ALTER TABLE job_missed ADD COLUMN schedule text NOT NULL DEFAULT '';
