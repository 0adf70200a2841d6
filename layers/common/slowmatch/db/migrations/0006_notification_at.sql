-- Old notifications are purged by their time. An index that is ordered by it would tempt the planner to look
-- for a job's last outcome among those of all others, which is long when there are many of them.
DROP INDEX notification_at;
CREATE INDEX notification_at ON notification USING brin (at);
