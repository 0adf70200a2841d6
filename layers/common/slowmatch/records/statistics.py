"""Figures about records: of the daily e-mail, and by the hour."""

from datetime import date, datetime, timedelta
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


class DayCount(NamedTuple):
    """What happened in the 24 hours that ended on `day`, at the hour of the daily e-mail."""

    day: date
    created: int
    expired: int


DAYS_IN_SUMMARY = 14
LAST_DAYS = """
    SELECT (extract(epoch FROM :end::timestamptz - hour)::integer - 3600) / 86400 AS days_ago,
           sum(created)::bigint,
           sum(expired)::bigint
    FROM record_hour
    WHERE hour >= :end::timestamptz - make_interval(days => :days::integer) AND hour < :end::timestamptz
    GROUP BY days_ago
"""


def last_days(con: Connection, summary: Summary, day: date, end: datetime) -> list[DayCount]:
    """The 14 days up to the one in `summary`, or fewer if nothing had been counted before, from the hourly figures."""
    hour = end.replace(minute=0, second=0, microsecond=0)
    rows = con.query(LAST_DAYS, end=hour, days=DAYS_IN_SUMMARY)
    counted = {days_ago: (created, expired) for days_ago, created, expired in rows}
    oldest = max(counted, default=0)
    earlier = [DayCount(day - timedelta(days=ago), *counted.get(ago, (0, 0))) for ago in range(oldest, 0, -1)]
    return [*earlier, DayCount(day, summary.created, summary.expired)]


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
