"""Figures about records: of the daily e-mail, and by the hour."""

from datetime import datetime, timedelta
from typing import NamedTuple

from slowmatch.db import Connection


class Summary(NamedTuple):
    """The three numbers of the daily e-mail; `created` and `expired` in its 24 hours."""

    total: int
    created: int
    expired: int


SUMMARY = """
    SELECT (SELECT count(*) FROM record),
        (SELECT count(*) FROM record WHERE created_at > :since AND created_at <= :now),
        (SELECT count(*) FROM record WHERE expiry_date > :since AND expiry_date <= :now)
"""


def summary(con: Connection, now: datetime) -> Summary:
    """Count all records, and those created or past their date in the 24 hours up to `now`."""
    (row,) = con.query(SUMMARY, now=now, since=now - timedelta(hours=24))
    return Summary(*row)


ROLL_UP = """
    WITH since AS (
        SELECT LEAST(
            date_trunc('hour', :now::timestamptz, 'UTC') - interval '1 hour',
            (SELECT date_trunc('hour', counted_to, 'UTC') FROM roll_up WHERE subject = 'records')
        ) AS at
    ), marked AS (
        INSERT INTO roll_up (subject, counted_to)
        VALUES ('records', :now::timestamptz)
        ON CONFLICT (subject) DO UPDATE SET counted_to = EXCLUDED.counted_to
    )
    INSERT INTO record_hour (hour, created, expired, deleted)
    SELECT date_trunc('hour', event.at, 'UTC'),
           COALESCE(sum(count) FILTER (WHERE action = 'created'), 0),
           COALESCE(sum(count) FILTER (WHERE action = 'expired'), 0),
           COALESCE(sum(count) FILTER (WHERE action = 'deleted'), 0)
    FROM since JOIN record_event AS event ON event.at >= since.at AND event.at < :now::timestamptz
    GROUP BY 1
    ON CONFLICT (hour) DO UPDATE
    SET created = EXCLUDED.created, expired = EXCLUDED.expired, deleted = EXCLUDED.deleted
"""


def roll_up(con: Connection, now: datetime) -> None:
    """Count the last two hours again, and the hours since the last roll-up. Repeating it changes nothing."""
    con.query(ROLL_UP, now=now)
