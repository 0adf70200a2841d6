-- The first takes words out of every title, and is the longest to build.
CREATE INDEX CONCURRENTLY IF NOT EXISTS record_colour_words ON record USING gin (search_words(colour || title));
CREATE INDEX CONCURRENTLY IF NOT EXISTS record_colour ON record (colour, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_run_cost_due ON job_run (cost, due_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS job_event_reason ON job_event (reason, at);
ALTER TABLE job_run VALIDATE CONSTRAINT job_run_cost;
