-- What people did to many records at once, one row however many calls it took. `target` says in words which records,
-- `wanted` what a call needs to continue after the record `after`.
CREATE TABLE record_bulk (
    id          uuid PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text NOT NULL,
    action      text NOT NULL CHECK (action IN ('imported', 'extended', 'deleted')),
    target      text NOT NULL,
    wanted      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(wanted) = 'object'),
    after       bigint NOT NULL DEFAULT 0,
    seen        integer NOT NULL DEFAULT 0,
    done        integer NOT NULL DEFAULT 0,
    total       integer NOT NULL DEFAULT 0,
    finished_at timestamptz
);
CREATE INDEX record_bulk_at ON record_bulk (at, id);

-- The parts of a file that were imported, so that a repeated one creates nothing.
CREATE TABLE record_import (
    key     text PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    digest  text NOT NULL,
    created integer NOT NULL
);

-- The bulk action that an event belongs to.
ALTER TABLE record_event ADD COLUMN bulk_id uuid;
