"""What the jobs do to records: bounded batches, exact boundaries, and the indexes that make them cheap."""

from datetime import UTC, datetime, timedelta

import pytest

from slowmatch.db import Connection
from slowmatch.records import upkeep
from slowmatch.testing.postgres import Postgres
from tests.integration.records.plans import indexes_of

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OCCURRENCE = timedelta(microseconds=1)
RETENTION = 30 * DAY
DUE = upkeep.due(NOW)
STALE = upkeep.stale(NOW, timedelta(0))


def test_a_record_expires_at_its_very_date_and_not_before(con: Connection) -> None:
    _add(con, NOW - OCCURRENCE, NOW, NOW + OCCURRENCE)
    assert upkeep.count(con, upkeep.due(NOW)) == 2
    assert upkeep.change_oldest(con, upkeep.due(NOW), 100, "a job") == 2
    assert _dates(con, "is_expired") == [NOW - OCCURRENCE, NOW]
    assert upkeep.count(con, upkeep.due(NOW)) == 0


def test_batches_take_the_oldest_first_until_none_is_left(con: Connection) -> None:
    _add(con, *(NOW - n * DAY for n in range(5)))
    assert upkeep.change_oldest(con, upkeep.due(NOW), 2, "a job") == 2
    assert _dates(con, "is_expired") == [NOW - 4 * DAY, NOW - 3 * DAY]
    assert [upkeep.change_oldest(con, upkeep.due(NOW), 2, "a job") for _ in range(3)] == [2, 1, 0]


def test_cleanup_removes_only_what_is_expired_for_the_whole_retention(con: Connection) -> None:
    _add(con, NOW - RETENTION - DAY, NOW - RETENTION, NOW - RETENTION + OCCURRENCE, is_expired=True)
    _add(con, NOW - 2 * RETENTION, is_expired=False)
    assert upkeep.count(con, upkeep.stale(NOW, RETENTION)) == 2
    assert upkeep.change_oldest(con, upkeep.stale(NOW, RETENTION), 1, "a job") == 1
    assert upkeep.change_oldest(con, upkeep.stale(NOW, RETENTION), 1, "a job") == 1
    assert upkeep.change_oldest(con, upkeep.stale(NOW, RETENTION), 1, "a job") == 0
    assert _dates(con, "true") == [NOW - 2 * RETENTION, NOW - RETENTION + OCCURRENCE]


def test_a_batch_leaves_one_event_with_its_count_and_the_job_s_name(con: Connection) -> None:
    _add(con, *(NOW - n * DAY for n in range(3)))
    for _ in range(3):
        upkeep.change_oldest(con, upkeep.due(NOW), 2, "record-expiry")
    while upkeep.change_oldest(con, upkeep.stale(NOW, timedelta(0)), 5, "db-cleanup"):
        pass
    rows = con.query("SELECT action, count, actor, record_id FROM record_event ORDER BY id")
    assert rows == [
        ["expired", 2, "record-expiry", None],
        ["expired", 1, "record-expiry", None],
        ["deleted", 3, "db-cleanup", None],
    ]


def test_hourly_figures_can_be_counted_again_and_catch_up_after_a_silence(con: Connection) -> None:
    _event(con, NOW - timedelta(hours=5), "created", 3)
    upkeep.roll_up(con, NOW - timedelta(hours=5))
    assert con.query("SELECT count(*) FROM record_hour") == [[0]]
    _event(con, NOW - timedelta(minutes=61), "expired", 7)
    _event(con, NOW - timedelta(minutes=61), "deleted", 2)
    for _ in range(2):
        upkeep.roll_up(con, NOW)
    rows = con.query("SELECT created, expired, deleted FROM record_hour ORDER BY hour")
    assert rows == [[3, 0, 0], [0, 7, 2]]


def test_what_was_committed_late_is_counted_in_the_hour_in_which_it_began(con: Connection) -> None:
    upkeep.roll_up(con, NOW)
    _event(con, NOW - OCCURRENCE, "created", 3)
    upkeep.roll_up(con, NOW + timedelta(minutes=5))
    assert con.query("SELECT hour, created FROM record_hour") == [[NOW - timedelta(hours=1), 3]]


def test_only_a_batch_itself_does_not_wait_for_the_disk_or_long_for_a_lock(con: Connection) -> None:
    con.script("SET synchronous_commit = on; SET lock_timeout = '7s'")
    _add(con, NOW)
    assert upkeep.change_oldest(con, DUE, 10, "a job") == 1
    assert [con.query("SHOW synchronous_commit"), con.query("SHOW lock_timeout")] == [[["on"]], [["7s"]]]


def test_what_happened_to_records_is_forgotten_past_its_retention(con: Connection) -> None:
    _event(con, NOW - 91 * DAY, "created", 1)
    _event(con, NOW - 89 * DAY, "created", 1)
    upkeep.purge_events(con, NOW, 90 * DAY)
    assert con.query("SELECT at FROM record_event") == [[NOW - 89 * DAY]]


def test_batches_leave_rows_that_somebody_else_has_locked(
    con: Connection, postgres: Postgres, shared_database: str
) -> None:
    _add(con, NOW - 2 * DAY, NOW - DAY)
    other = postgres.connect(shared_database)
    try:
        other.run("BEGIN")
        other.run("SELECT id FROM record ORDER BY id LIMIT 1 FOR UPDATE")
        assert upkeep.change_oldest(con, upkeep.due(NOW), 10, "a job") == 1
        assert _dates(con, "is_expired") == [NOW - DAY]
        other.run("ROLLBACK")
    finally:
        other.close()
    assert upkeep.change_oldest(con, upkeep.due(NOW), 10, "a job") == 1


def test_the_summary_counts_the_24_hours_up_to_now(con: Connection) -> None:
    _add(con, NOW - DAY, NOW - DAY + OCCURRENCE, NOW, NOW + OCCURRENCE, is_expired=True)
    created = [NOW - DAY, NOW - DAY + OCCURRENCE, NOW, NOW + OCCURRENCE]
    for record_id, at in enumerate(created, start=1):
        con.query("UPDATE record SET created_at = :at WHERE id = :id", at=at, id=record_id)
    assert upkeep.summary(con, NOW) == (4, 2, 2)


def test_the_summary_counts_what_the_hourly_job_has_not_marked_yet(con: Connection) -> None:
    _add(con, NOW - OCCURRENCE)
    assert upkeep.summary(con, NOW).expired_24h == 1


def test_the_summary_of_nothing_is_zeros(con: Connection) -> None:
    assert upkeep.summary(con, NOW) == (0, 0, 0)


@pytest.mark.parametrize(("chosen", "index"), [(DUE, "record_due"), (STALE, "record_stale")])
def test_the_oldest_come_from_their_index(crowd: Connection, chosen: upkeep.Chosen, index: str) -> None:
    assert index in indexes_of(crowd, chosen.statements.oldest, until=NOW, limit=100)


@pytest.mark.parametrize("chosen", [DUE, STALE])
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_pages_are_read_by_their_place(crowd: Connection, chosen: upkeep.Chosen, mode: str) -> None:
    crowd.query(f"SET plan_cache_mode = {mode}")
    crowd.script("PREPARE pages(timestamptz, tid, tid) AS " + _numbered(chosen.statements.pages))
    plan = crowd.query("EXPLAIN EXECUTE pages('2026-06-01', '(10,0)', '(20,0)')")
    crowd.script("DEALLOCATE pages; RESET plan_cache_mode")
    assert "Tid Range Scan on record" in plan[1][0].strip()


def _add(con: Connection, *dates: datetime, is_expired: bool = False) -> None:
    for date in dates:
        con.query(
            "INSERT INTO record (title, expiry_date, is_expired) VALUES ('x', :date, :is_expired)",
            date=date,
            is_expired=is_expired,
        )


def _event(con: Connection, at: datetime, action: str, count: int) -> None:
    con.query(
        "INSERT INTO record_event (at, action, count, actor) VALUES (:at, :action, :count, 'a job')",
        at=at,
        action=action,
        count=count,
    )


def _dates(con: Connection, condition: str) -> list[datetime]:
    return [
        row[0] for row in con.query(f"SELECT expiry_date FROM record WHERE {condition} ORDER BY expiry_date")
    ]


def _numbered(sql: str) -> str:
    for number, name in enumerate((":until", ":first", ":beyond"), start=1):
        sql = sql.replace(name, f"${number}")
    return sql
