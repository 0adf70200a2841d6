-- What is known about a job beside the catalog: its schedule as last read from its rule, and a pause.
CREATE TABLE job (
    name             text PRIMARY KEY,
    schedule         text,
    schedule_enabled boolean NOT NULL DEFAULT true,
    ticks_checked_to timestamptz NOT NULL DEFAULT now(),
    paused_at        timestamptz,
    paused_by        text,
    pause_note       text,
    CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);

-- A run: one piece of work for a job. `attempt` counts the attempts started and guards every
-- transition; `failures` counts those that failed or were lost since a person last queued the run.
CREATE TABLE job_run (
    id              uuid PRIMARY KEY,
    job             text NOT NULL,
    state           text NOT NULL
        CHECK (state IN ('enqueued', 'scheduled', 'processing', 'succeeded', 'failed', 'deleted')),
    exclusive       boolean NOT NULL,
    payload         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    cursor          jsonb CHECK (jsonb_typeof(cursor) = 'object'),
    trigger         text NOT NULL CHECK (trigger IN ('schedule', 'api', 'console', 'direct')),
    triggered_by    text,
    occurrence      timestamptz,
    attempt         integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures        integer NOT NULL DEFAULT 0,
    max_attempts    integer NOT NULL CHECK (max_attempts >= 1),
    due_at          timestamptz NOT NULL,
    message_at      timestamptz,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz,
    progress        jsonb,
    result          jsonb,
    error           text,
    idempotency_key text,
    request_digest  text,
    UNIQUE (job, occurrence),
    UNIQUE (job, idempotency_key),
    CHECK (failures BETWEEN 0 AND max_attempts),
    CHECK ((state = 'processing') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'failed', 'deleted')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'processing' OR (attempt > 0 AND started_at IS NOT NULL)),
    CHECK (state <> 'failed' OR error IS NOT NULL),
    CHECK (result IS NULL OR state = 'succeeded'),
    CHECK ((idempotency_key IS NULL) = (request_digest IS NULL))
);

-- One run of an exclusive job processes at a time: the second claim breaks this and waits or is skipped.
CREATE UNIQUE INDEX job_run_exclusive ON job_run (job) WHERE state = 'processing' AND exclusive;
CREATE INDEX job_run_waiting ON job_run (due_at) WHERE state IN ('enqueued', 'scheduled');
CREATE INDEX job_run_leased ON job_run (lease_until) WHERE state = 'processing';
CREATE INDEX job_run_state ON job_run (state, id);
CREATE INDEX job_run_job ON job_run (job, id);
CREATE INDEX job_run_finished ON job_run (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_run_error_words ON job_run USING gin (search_words(error)) WHERE error IS NOT NULL;
CREATE INDEX job_run_payload_words ON job_run USING gin (search_words(payload::text)) WHERE payload <> '{}';

CREATE TABLE job_attempt (
    run_id        uuid NOT NULL REFERENCES job_run ON DELETE CASCADE,
    number        integer NOT NULL,
    worker        text NOT NULL,
    request_id    text NOT NULL,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    outcome       text CHECK (outcome IN ('succeeded', 'failed', 'lost', 'continued', 'cancelled')),
    error_type    text,
    error_message text,
    traceback     text,
    PRIMARY KEY (run_id, number),
    CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
CREATE INDEX job_attempt_finished ON job_attempt (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id     uuid NOT NULL REFERENCES job_run ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL
);
CREATE INDEX job_event_run ON job_event (run_id, id);
CREATE INDEX job_event_at ON job_event (at);

CREATE TABLE job_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id  uuid NOT NULL REFERENCES job_run ON DELETE CASCADE,
    attempt integer NOT NULL,
    at      timestamptz NOT NULL,
    level   text NOT NULL,
    message text NOT NULL
);
CREATE INDEX job_log_run ON job_log (run_id, id);

-- A scheduled tick that produced no run by the time the dispatcher looked.
CREATE TABLE job_missed (
    job        text NOT NULL,
    occurrence timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    PRIMARY KEY (job, occurrence)
);

-- Hourly figures, counted from events and attempts, which never change.
CREATE TABLE job_hour (
    job         text NOT NULL,
    hour        timestamptz NOT NULL,
    succeeded   integer NOT NULL DEFAULT 0,
    failed      integer NOT NULL DEFAULT 0,
    deleted     integer NOT NULL DEFAULT 0,
    retried     integer NOT NULL DEFAULT 0,
    attempts    integer NOT NULL DEFAULT 0,
    p50_ms      double precision,
    p95_ms      double precision,
    PRIMARY KEY (job, hour)
);
CREATE INDEX job_hour_hour ON job_hour (hour);

-- The dispatcher's last complete tick.
CREATE TABLE dispatcher_tick (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    finished_at timestamptz NOT NULL
);
