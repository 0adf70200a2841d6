"""Records in a real PostgreSQL."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from local.testing.postgres import Postgres
from slowmatch.db import Connection
from slowmatch.records import expiry, queries
from tests.integration.records.factories import add_expired
from tests.support.shared_database import SharedDatabase

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expiry", "rendered"),
    [
        (NOW, "2026-06-01T12:00:00Z"),
        (NOW.replace(microsecond=500_000), "2026-06-01T12:00:00.5Z"),
        (NOW.replace(microsecond=1), "2026-06-01T12:00:00.000001Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_utc_whatever_the_session_s_zone(con: Connection, expiry: datetime, rendered: str) -> None:
    con.query("SET timezone = 'Asia/Tokyo'")
    _, text = queries.create(con, "x", expiry, "ann")
    assert json.loads(text)["expiry_date"] == rendered


def test_a_record_has_the_five_fields_and_starts_active(con: Connection) -> None:
    record_id, text = queries.create(con, "x", NOW - 400 * DAY, "ann")
    record = json.loads(text)
    assert list(record) == ["id", "title", "created_at", "expiry_date", "is_expired"]
    assert (record["id"], record["is_expired"]) == (record_id, False)


def test_an_expired_record_moved_into_the_future_is_active_again(con: Connection) -> None:
    record_id = add_expired(con, NOW - DAY)
    moved = queries.update(con, record_id, NOW, expiry_date=NOW + DAY, actor="ann")
    assert moved is not None
    assert json.loads(moved.text)["is_expired"] is False


def test_an_expired_record_moved_within_the_past_staysadd_expired(con: Connection) -> None:
    record_id = add_expired(con, NOW - DAY)
    for moved in (
        queries.update(con, record_id, NOW, expiry_date=NOW - 2 * DAY, actor="ann"),
        queries.update(con, record_id, NOW, expiry_date=NOW, actor="ann"),
        queries.update(con, record_id, NOW, title="renamed", actor="ann"),
    ):
        assert moved is not None
        assert json.loads(moved.text)["is_expired"] is True


def test_an_active_record_moved_into_the_past_waits_for_the_job(con: Connection) -> None:
    record_id, _ = queries.create(con, "x", NOW + DAY, "ann")
    moved = json.loads(
        (queries.update(con, record_id, NOW, expiry_date=NOW - DAY, actor="ann") or ("", ""))[0]
    )
    assert moved["is_expired"] is False
    assert moved["expiry_date"] == "2026-05-31T12:00:00Z"


def test_every_edit_is_kept_with_its_author(con: Connection) -> None:
    record_id, _ = queries.create(con, "visa", NOW, "ann")
    queries.update(con, record_id, NOW, title="visa of Ann", actor="bob")
    queries.update(con, record_id, NOW, title="visa of Ann", expiry_date=NOW, actor="cid")
    queries.update(con, record_id, NOW, expiry_date=NOW + DAY, actor="bob")
    queries.delete(con, record_id, "ann")
    events = queries.history(con, record_id)
    assert [(event["action"], event["actor"]) for event in events] == [
        ("deleted", "ann"),
        ("changed", "bob"),
        ("changed", "bob"),
        ("created", "ann"),
    ]
    assert events[0]["detail"] == {"title": "visa of Ann", "expiry_date": "2026-06-02T12:00:00+00:00"}
    assert events[1]["detail"]["before"] == {"expiry_date": "2026-06-01T12:00:00+00:00"}
    assert events[2]["detail"]["before"] == {"title": "visa"}
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in events)


def test_concurrent_changes_are_in_order(
    con: Connection, postgres: Postgres, shared_database: SharedDatabase
) -> None:
    record_id, _ = queries.create(con, "first", NOW, "ann")
    with closing(postgres.connect(shared_database.name)) as other, ThreadPoolExecutor() as thread:
        other.run("BEGIN")
        other.run("UPDATE record SET title = 'second' WHERE id = :id", id=record_id)
        changed = thread.submit(queries.update, con, record_id, NOW, title="third", actor="bob")
        while other.run("SELECT count(*) FROM pg_locks WHERE NOT granted") == [[0]]:
            assert not changed.done()
        other.run("COMMIT")
        assert changed.result()
    assert queries.history(con, record_id)[0]["detail"]["before"] == {"title": "second"}


def test_a_change_of_another_version_does_nothing(con: Connection) -> None:
    record_id, _ = queries.create(con, "first", NOW, "ann")
    read = queries.get(con, record_id)
    assert read is not None
    changed = queries.update(con, record_id, NOW, title="second", actor="bob", versions=[read.version])
    assert changed == queries.get(con, record_id)
    with pytest.raises(queries.VersionMismatch):
        queries.update(con, record_id, NOW, title="third", actor="ann", versions=[read.version])
    with pytest.raises(queries.VersionMismatch):
        queries.delete(con, record_id, "ann", [read.version])
    assert queries.get(con, record_id) == changed
    assert len(queries.history(con, record_id)) == 2


def test_of_two_changes_at_once_of_one_version_one_wins(
    con: Connection, postgres: Postgres, shared_database: SharedDatabase
) -> None:
    record_id, _ = queries.create(con, "first", NOW, "ann")
    versions = [(queries.get(con, record_id) or ("", ""))[1]]
    with closing(postgres.connect(shared_database.name)) as other, ThreadPoolExecutor() as thread:
        other.run("BEGIN")
        other.run("UPDATE record SET title = 'second' WHERE id = :id", id=record_id)
        changed = thread.submit(
            queries.update, con, record_id, NOW, title="third", actor="bob", versions=versions
        )
        while other.run("SELECT count(*) FROM pg_locks WHERE NOT granted") == [[0]]:
            assert not changed.done()
        other.run("COMMIT")
        with pytest.raises(queries.VersionMismatch):
            changed.result()


def test_a_record_that_the_job_marks_gets_another_version(con: Connection) -> None:
    record_id, _ = queries.create(con, "first", NOW, "ann")
    before = queries.get(con, record_id)
    list(expiry.BatchUpdate(con, expiry.expiration(con.now()), batch_size=10, actor="record-expiry"))
    after = queries.get(con, record_id)
    assert before and after and before.version != after.version


def test_a_history_has_its_newest_two_hundred_events(con: Connection) -> None:
    con.query(
        """
        INSERT INTO record_event (record_id, action, actor)
        SELECT 7, 'changed', 'person ' || number FROM generate_series(1, 201) AS number
        """
    )
    events = queries.history(con, 7)
    assert (events[0]["actor"], events[-1]["actor"], len(events)) == ("person 201", "person 2", 200)


def test_what_changed_nothing_leaves_no_event(con: Connection) -> None:
    assert queries.delete(con, 7, "ann") is False
    assert queries.update(con, 7, NOW, title="x", actor="ann") is None
    assert queries.history(con, 7) == []
