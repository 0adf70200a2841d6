-- What the dispatcher did in its last pass, and which of its duties fail, with the reason and since when.
ALTER TABLE dispatcher_tick
    ADD COLUMN done jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN failing jsonb NOT NULL DEFAULT '{}';

-- Which schedules a job's rule was seen with, and when first and last: a tick is missed by the one of its time.
ALTER TABLE job ADD COLUMN schedule_history jsonb NOT NULL DEFAULT '[]';
