"""Migrations go forward, once, and are never edited."""

from collections.abc import Callable

import pytest

from slowmatch.db import Connection, migrate
from slowmatch.db.migration import Migration, MigrationError, migrations

NEXT = Migration(9001, "next", "CREATE TABLE next (id integer); INSERT INTO next VALUES (1);")


@pytest.fixture
def con(connect: Callable[[], Connection]) -> Connection:
    return connect()


def test_what_is_applied_is_not_applied_again(con: Connection) -> None:
    assert migrate.apply(con) == []
    files = [*migrations(), NEXT]
    assert migrate.apply(con, files) == ["9001_next"]
    assert migrate.apply(con, files) == []
    assert con.query("SELECT id FROM next") == [[1]]


def test_a_failing_migration_is_named_and_leaves_nothing_behind(con: Connection) -> None:
    broken = Migration(9002, "broken", "CREATE TABLE half (id integer); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"^9002_broken: division by zero in: SELECT 1/0$"):
        migrate.apply(con, [*migrations(), NEXT, broken])
    assert con.query("SELECT to_regclass('next')::text, to_regclass('half')::text") == [["next", None]]


def test_a_mended_migration_goes_on_where_it_failed(con: Connection) -> None:
    broken = Migration(9002, "broken", "SELECT 1/0;")
    with pytest.raises(MigrationError):
        migrate.apply(con, [*migrations(), NEXT, broken])
    mended = Migration(9002, "mended", "SELECT 1/1;")
    assert migrate.apply(con, [*migrations(), NEXT, mended]) == ["9002_mended"]


def test_an_edited_migration_stops_everything(con: Connection) -> None:
    migrate.apply(con, [*migrations(), NEXT])
    edited = Migration(NEXT.version, NEXT.name, NEXT.sql + " ")
    with pytest.raises(MigrationError, match="was edited"):
        migrate.apply(con, [*migrations(), edited])


def test_older_code_and_late_numbers_are_refused(con: Connection) -> None:
    migrate.apply(con, [*migrations(), NEXT])
    with pytest.raises(MigrationError, match="this version of the code does not"):
        migrate.apply(con)
    late = Migration(9000, "late", "SELECT 1")
    with pytest.raises(MigrationError, match="give it a higher number"):
        migrate.apply(con, [*migrations(), late, NEXT])


def test_asking_what_is_pending_writes_nothing(con: Connection) -> None:
    con.script("DROP TABLE schema_migration")
    assert migrate.pending(con) == migrations()
    assert con.query("SELECT to_regclass('schema_migration')::text") == [[None]]
