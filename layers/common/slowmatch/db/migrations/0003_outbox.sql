-- One row per mail that has to arrive once: `edition` is empty, or the run that sends it again on purpose.
CREATE TABLE mail_outbox (
    kind       text NOT NULL,
    day        date NOT NULL,
    recipient  text NOT NULL,
    edition    text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    sent_at    timestamptz,
    answer     text,
    PRIMARY KEY (kind, day, recipient, edition),
    CHECK ((sent_at IS NULL) = (answer IS NULL))
);
