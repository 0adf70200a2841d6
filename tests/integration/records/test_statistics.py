"""Figures about records: of the daily e-mail, and by the hour."""

from datetime import UTC, datetime, timedelta

from slowmatch.db import Connection
from slowmatch.records import statistics
from tests.integration.records.factories import add_event, add_records

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def test_hourly_figures_can_be_counted_again(con: Connection) -> None:
    add_event(con, NOW - timedelta(hours=5), "created", 3)
    statistics.roll_up(con, NOW - timedelta(hours=5))
    assert con.query("SELECT count(*) FROM record_hour") == [[0]]
    add_event(con, NOW - timedelta(minutes=61), "expired", 7)
    add_event(con, NOW - timedelta(minutes=61), "deleted", 2)
    for _ in range(2):
        statistics.roll_up(con, NOW)
    rows = con.query("SELECT created, expired, deleted FROM record_hour ORDER BY hour")
    assert rows == [[3, 0, 0], [0, 7, 2]]


def test_an_event_committed_late_counts_in_its_hour(con: Connection) -> None:
    statistics.roll_up(con, NOW)
    add_event(con, NOW - MICROSECOND, "created", 3)
    statistics.roll_up(con, NOW + timedelta(minutes=5))
    assert con.query("SELECT hour, created FROM record_hour") == [[NOW - timedelta(hours=1), 3]]


def test_the_summary_counts_the_24_hours_up_to_now(con: Connection) -> None:
    add_records(con, NOW - DAY, NOW - DAY + MICROSECOND, NOW, NOW + MICROSECOND, is_expired=True)
    created = [NOW - DAY, NOW - DAY + MICROSECOND, NOW, NOW + MICROSECOND]
    for record_id, at in enumerate(created, start=1):
        con.query("UPDATE record SET created_at = :at WHERE id = :id", at=at, id=record_id)
    assert statistics.summary(con, NOW) == (4, 2, 2)


def test_the_summary_counts_what_the_hourly_job_has_not_marked_yet(con: Connection) -> None:
    add_records(con, NOW - MICROSECOND)
    assert statistics.summary(con, NOW).expired == 1


def test_the_summary_of_nothing_is_zeros(con: Connection) -> None:
    assert statistics.summary(con, NOW) == (0, 0, 0)
