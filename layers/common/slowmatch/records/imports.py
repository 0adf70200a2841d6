"""Creates the records of a file part by part: each part in one statement, and only once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from slowmatch import telemetry
from slowmatch.db import Connection
from slowmatch.records.queries import DETAIL


class KeyReused(Exception):
    """The idempotency key was used before for another part."""

    def __str__(self) -> str:
        return "the Idempotency-Key was already used for another file, so nothing was imported"


IMPORT = f"""
    WITH part AS (
        INSERT INTO record_import (key, digest, created)
        VALUES (:key, :digest, cardinality(:titles::text[]))
        ON CONFLICT (key) DO NOTHING
        RETURNING key
    ), created AS (
        INSERT INTO record (title, expiry_date)
        SELECT title, expiry_date
        FROM unnest(:titles::text[], :expiry_dates::timestamptz[]) AS line (title, expiry_date)
        WHERE EXISTS (SELECT FROM part)
        RETURNING id, title, expiry_date
    ), event AS (
        INSERT INTO record_event (record_id, action, actor, bulk_action_id, detail)
        SELECT id, 'created', :actor, :action_id::uuid, {DETAIL} FROM created
    ), action AS (
        INSERT INTO record_bulk_action (id, action, target, seen, done, actor, started_at, finished_at)
        SELECT :action_id::uuid, 'imported', :target, count(*), count(*), :actor, now(), now()
        FROM created
        HAVING count(*) > 0
        ON CONFLICT (id) DO UPDATE
        SET seen = record_bulk_action.seen + EXCLUDED.seen,
            done = record_bulk_action.done + EXCLUDED.done,
            finished_at = EXCLUDED.finished_at
        WHERE record_bulk_action.action = 'imported' AND record_bulk_action.actor = EXCLUDED.actor
    )
    SELECT (SELECT count(*) FROM part), (SELECT count(*) FROM created)
"""
FIND = "SELECT digest, created FROM record_import WHERE key = :key"


def create(
    con: Connection,
    titles: Sequence[str],
    expiry_dates: Sequence[datetime],
    *,
    key: str,
    digest: str,
    action_id: UUID,
    target: str,
    actor: str,
) -> int:
    """Create the records and return how many; a repeated `key` creates none and returns the same number.

    `digest` is that of the part, and `action_id` what all parts of a file share. Raises KeyReused.
    """
    ((is_new, created),) = con.query(
        IMPORT,
        titles=list(titles),
        expiry_dates=list(expiry_dates),
        key=key,
        digest=digest,
        action_id=str(action_id),
        target=target,
        actor=actor,
    )
    if is_new:
        con.after_commit(lambda: telemetry.count("RecordsCreated", created))
        return int(created)
    ((known_digest, known),) = con.query(FIND, key=key)
    if known_digest != digest:
        raise KeyReused
    return int(known)
