-- Something that people are told about. The statement that makes it happen writes the row, so neither is
-- ever there without the other. `key` makes one event one row, however often it is noticed.
CREATE TABLE notification (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at        timestamptz NOT NULL,
    event     text NOT NULL CHECK (event IN ('failed', 'recovered', 'missed', 'dead_letters', 'alarm')),
    job       text,
    run_id    uuid,
    key       text NOT NULL,
    detail    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    routed_at timestamptz,
    UNIQUE (event, key)
);
CREATE INDEX notification_unrouted ON notification (at) WHERE routed_at IS NULL;
CREATE INDEX notification_at ON notification (at);
CREATE INDEX notification_outcome ON notification (job, at) WHERE event IN ('failed', 'recovered');

-- One notification on its way to one destination. Those beyond the first few of an hour are `folded`:
-- `digest` names the notification whose delivery tells how many they were.
CREATE TABLE notification_delivery (
    notification_id uuid NOT NULL REFERENCES notification ON DELETE CASCADE,
    destination     text NOT NULL,
    state           text NOT NULL CHECK (state IN ('waiting', 'folded', 'sent', 'given_up')),
    due_at          timestamptz NOT NULL,
    message_at      timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    digest          uuid,
    finished_at     timestamptz,
    answer          text,
    PRIMARY KEY (notification_id, destination),
    CHECK ((state IN ('sent', 'given_up')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'folded' OR digest IS NOT NULL)
);
CREATE INDEX notification_delivery_waiting ON notification_delivery (due_at) WHERE state = 'waiting';
CREATE INDEX notification_delivery_digest ON notification_delivery (digest, destination)
    WHERE digest IS NOT NULL;

-- What is known about a destination beside its secret. `fingerprint` is of its address: a new address
-- starts anew. `busy_until` keeps all but one worker away, `rests_until` all of them.
CREATE TABLE notification_destination (
    name            text PRIMARY KEY,
    fingerprint     text NOT NULL,
    busy_until      timestamptz,
    rests_until     timestamptz,
    failures        integer NOT NULL DEFAULT 0,
    switched_off_at timestamptz,
    reason          text,
    CHECK ((switched_off_at IS NULL) = (reason IS NULL))
);

-- How many notifications of one kind a destination had since the hour began that `since` names.
CREATE TABLE notification_fold (
    destination text NOT NULL,
    event       text NOT NULL,
    subject     text NOT NULL,
    since       timestamptz NOT NULL,
    count       integer NOT NULL,
    digest      uuid,
    PRIMARY KEY (destination, event, subject)
);

-- The dead letters of a job when the dispatcher last looked: only more of them are news.
ALTER TABLE job ADD COLUMN dead_letters integer NOT NULL DEFAULT 0;
