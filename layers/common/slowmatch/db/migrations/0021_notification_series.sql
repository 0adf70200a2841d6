-- The order of notifications: a webhook's receiver sees it. Those from before have 0.
CREATE SEQUENCE notification_sequence;
ALTER TABLE notification ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE notification ALTER COLUMN sequence SET DEFAULT nextval('notification_sequence');

-- What a destination was last told about a job (its failures and recoveries), about an alarm, or about a job's missed
-- runs or dead letters: `kind` and `subject` name such a series. `count` messages since `counted_since` said the same.
-- It replaces notification_fold, which the version before still writes.
CREATE TABLE notification_series (
    destination   text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    told_state    text NOT NULL,
    told_at       timestamptz NOT NULL,
    counted_since timestamptz NOT NULL,
    count         integer NOT NULL,
    PRIMARY KEY (destination, kind, subject)
);

-- A delivery that was given up is tried once more when its destination works again.
ALTER TABLE notification_delivery ADD COLUMN revived_at timestamptz;

-- The destination's last answer, since when it has not confirmed anything, and since when notifications are lost to it.
-- `refusals` counts the answers 401 and 403 in a row. `flaw` is what is wrong with its entry in the secret.
ALTER TABLE notification_destination
    ADD COLUMN answer text,
    ADD COLUMN answered_at timestamptz,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN gave_up_at timestamptz,
    ADD COLUMN refusals integer NOT NULL DEFAULT 0,
    ADD COLUMN flaw text;
