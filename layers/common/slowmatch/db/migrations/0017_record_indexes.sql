-- Lists sorted by expiry date go on after a date and an id. Counts by date use this index as they did the other.
CREATE INDEX CONCURRENTLY IF NOT EXISTS record_expiry ON record (expiry_date, id);
DROP INDEX CONCURRENTLY IF EXISTS record_expiry_date;
-- The activity of people shows a bulk action as one row, so it reads past the events of its records.
CREATE INDEX CONCURRENTLY IF NOT EXISTS record_event_single ON record_event (at, id)
    WHERE record_id IS NOT NULL AND bulk_action_id IS NULL;
