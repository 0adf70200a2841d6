"""Migrations go forward, once, and are never edited."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing

import pytest

from slowmatch.db import Connection, StatementError, migrate
from slowmatch.db.migrate import Migration, MigrationError
from slowmatch.settings import Settings

NEXT = Migration(9001, "next", "CREATE TABLE next (id integer); INSERT INTO next VALUES (1);")


@pytest.fixture
def con(environment: Settings, database: str) -> Iterator[Connection]:
    """A connection to a database whose schema a test may change."""
    with closing(Connection(dataclasses.replace(environment, db_name=database))) as con:
        yield con


def test_what_is_applied_is_not_applied_again(con: Connection) -> None:
    assert migrate.apply(con) == []
    files = [*migrate.migrations(), NEXT]
    assert migrate.apply(con, files) == ["9001_next"]
    assert migrate.apply(con, files) == []
    assert con.query("SELECT id FROM next") == [[1]]


def test_a_failing_migration_leaves_nothing_behind(con: Connection) -> None:
    broken = Migration(9002, "broken", "CREATE TABLE half (id integer); SELECT 1/0;")
    with pytest.raises(StatementError, match="division by zero"):
        migrate.apply(con, [*migrate.migrations(), NEXT, broken])
    assert con.query("SELECT to_regclass('next')::text, to_regclass('half')::text") == [[None, None]]


def test_an_edited_migration_stops_everything(con: Connection) -> None:
    migrate.apply(con, [*migrate.migrations(), NEXT])
    edited = Migration(NEXT.version, NEXT.name, NEXT.sql + " ")
    with pytest.raises(MigrationError, match="was edited"):
        migrate.apply(con, [*migrate.migrations(), edited])


def test_older_code_and_late_numbers_are_refused(con: Connection) -> None:
    migrate.apply(con, [*migrate.migrations(), NEXT])
    with pytest.raises(MigrationError, match="this version of the code has not"):
        migrate.apply(con)
    late = Migration(9000, "late", "SELECT 1")
    with pytest.raises(MigrationError, match="renumber"):
        migrate.apply(con, [*migrate.migrations(), late, NEXT])


def test_the_schema_has_nothing_but_its_migrations(con: Connection) -> None:
    rows = con.query("SELECT version FROM schema_migration ORDER BY version")
    assert [version for (version,) in rows] == [file.version for file in migrate.migrations()]
