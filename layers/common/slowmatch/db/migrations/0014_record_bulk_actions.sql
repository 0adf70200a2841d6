-- What people did to many records at once, as it goes: one row however many calls it takes. `target` says in words
-- which records, `wanted` what a call needs to continue after `last_record_id`.
CREATE TABLE record_bulk_action (
    id             uuid PRIMARY KEY,
    action         text NOT NULL CHECK (action IN ('imported', 'extended', 'deleted')),
    target         text NOT NULL,
    wanted         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(wanted) = 'object'),
    total          integer NOT NULL DEFAULT 0,
    seen           integer NOT NULL DEFAULT 0,
    done           integer NOT NULL DEFAULT 0,
    last_record_id bigint NOT NULL DEFAULT 0,
    actor          text NOT NULL,
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz
);
CREATE INDEX record_bulk_action_started ON record_bulk_action (started_at, id);

-- The parts of files that were imported: a repeated one creates nothing.
CREATE TABLE record_import (
    key     text PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    digest  text NOT NULL,
    created integer NOT NULL
);

-- The bulk action that an event belongs to.
ALTER TABLE record_event ADD COLUMN bulk_action_id uuid;
