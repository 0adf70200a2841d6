-- One action on many runs, written as it goes: each call of a thousand runs adds to `done` and moves `last_run_id` on.
-- Without a filter the runs were selected one by one. `total` is null if there were too many to be counted.
CREATE TABLE bulk_action (
    id          uuid PRIMARY KEY,
    action      text NOT NULL CHECK (action IN ('requeue', 'run-now', 'delete')),
    filter      jsonb CHECK (jsonb_typeof(filter) = 'object'),
    total       integer,
    done        integer NOT NULL DEFAULT 0,
    last_run_id uuid,
    actor       text NOT NULL,
    started_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    finished_at timestamptz,
    stopped_by  text,
    CHECK (finished_at IS NULL OR stopped_by IS NULL)
);
CREATE INDEX bulk_action_started ON bulk_action (started_at, id);

-- Which runs it changed. A run that is deleted after its retention stays here as long as the action.
CREATE TABLE bulk_action_run (
    bulk_action_id uuid NOT NULL REFERENCES bulk_action ON DELETE CASCADE,
    run_id         uuid NOT NULL,
    PRIMARY KEY (bulk_action_id, run_id)
);
