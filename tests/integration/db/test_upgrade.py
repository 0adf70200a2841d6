"""A migration meets a database in use: nobody waits long, and whatever happens to it, the next one goes on."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from migrate.app import handler
from slowmatch.db import Connection, StatementError, migrate
from slowmatch.db.migration import Migration, MigrationError, migrations
from tests.conftest import LambdaContext
from tests.support.stack_process import until

COLUMN = Migration(9001, "column", "ALTER TABLE record ADD COLUMN colour text;")
INDEX = Migration(9002, "index", "CREATE INDEX CONCURRENTLY IF NOT EXISTS record_title ON record (title);")
UNIQUE = Migration(9003, "unique", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS once ON record (title);")
SLOW = Migration(9004, "slow", "CREATE TABLE slow (id integer); SELECT pg_sleep(0.3); SELECT pg_sleep(0.3);")

Connect = Callable[[], Connection]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def con(connect: Connect) -> Connection:
    return connect()


@pytest.fixture
def old_code(connect: Connect) -> Iterator[Connection]:
    """Has written to `record` in a transaction that is still open."""
    con = connect()
    with con.transaction():
        add(con, "in the middle")
        yield con


def files(*new: Migration) -> list[Migration]:
    return [*migrations(), *new]


def add(con: Connection, title: str) -> None:
    con.query("INSERT INTO record (title, expiry_date) VALUES (:title, now())", title=title)


def indexes(con: Connection, name: str) -> list[bool]:
    """Whether the index is valid; empty when there is none."""
    found = con.query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)", name=name)
    return [valid for (valid,) in found]


def builds(con: Connection) -> list[int]:
    """The processes of the server that wait with an index, in this database."""
    found = con.query(
        """
        SELECT pid FROM pg_stat_activity
        WHERE query LIKE 'CREATE%CONCURRENTLY%' AND wait_event_type = 'Lock' AND datname = current_database()
        """
    )
    return [pid for (pid,) in found]


@pytest.mark.parametrize("number", range(1, len(migrations())))
def test_every_table_is_usable_during_a_migration(number: int, con: Connection, connect: Connect) -> None:
    con.script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    migrate.apply(con, migrations()[:number])
    other = connect()
    other.query("SET lock_timeout = '20s'")  # to wait longer would be an error here
    tables = [name for (name,) in other.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    with ThreadPoolExecutor(1) as thread:
        migration = thread.submit(migrate.apply, con, migrations()[: number + 1])
        while not migration.done():
            for table in tables:
                other.query(f"SELECT FROM {table} LIMIT 1")
                other.query(f"DELETE FROM {table} WHERE false")
        assert migration.result() == [str(migrations()[number])]


def test_a_migration_that_waits_lets_others_pass(
    con: Connection, old_code: Connection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "ATTEMPTS", 3)
    for other_limit in ("BLOCK_SECONDS", "STALL_SECONDS"):
        monkeypatch.setattr(migrate, other_limit, 60)
    other = connect()
    with ThreadPoolExecutor(1) as thread:
        migration = thread.submit(migrate.apply, con, files(COLUMN))
        other.query("SET lock_timeout = '20s'")  # to wait longer would be an error here
        while not migration.done():
            add(other, "meanwhile")
        with pytest.raises(MigrationError, match=r"lock timeout in: ALTER TABLE .* was tried 3 times"):
            migration.result()
    assert old_code.query("SELECT count(*) FROM record WHERE title = 'in the middle'") == [[1]]
    assert [str(file) for file in migrate.pending(con, files(COLUMN))] == ["9001_column"]


def test_a_migration_gets_its_lock_after_the_transaction_before_it(con: Connection, connect: Connect) -> None:
    old_code = connect()
    with ThreadPoolExecutor(1) as thread:
        with old_code.transaction():
            add(old_code, "in the middle")
            migration = thread.submit(migrate.apply, con, files(COLUMN))
            until(lambda: waits(old_code), bool)
        assert migration.result() == ["9001_column"]


def waits(con: Connection) -> bool:
    return con.query("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")[0][0] is True


def test_a_migration_that_blocks_for_long_is_undone(con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "ATTEMPTS", 2)
    monkeypatch.setattr(migrate, "BLOCK_SECONDS", 0.4)
    monkeypatch.setattr(migrate, "STALL_SECONDS", 60)
    with pytest.raises(MigrationError, match=r'takes longer than 0\.4 s.*{"payload": {"may_block": true}}'):
        migrate.apply(con, files(SLOW))
    assert con.query("SELECT to_regclass('slow')::text") == [[None]]
    assert migrate.apply(con, files(SLOW), may_block=True) == ["9004_slow"]


def test_a_migration_whose_function_stalls_is_undone(
    con: Connection, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "ATTEMPTS", 2)
    other, run = connect(), migrate._run

    def stall(con: Connection, file: Migration, statement: str) -> None:
        run(con, file, statement)
        ((pid,),) = con.query("SELECT pg_backend_pid()")
        until(
            lambda: other.query("SELECT FROM pg_stat_activity WHERE pid = :pid", pid=pid),
            lambda rows: not rows,
        )

    monkeypatch.setattr(migrate, "_run", stall)
    with pytest.raises(MigrationError, match="9001_column was rolled back"):
        migrate.apply(con, files(COLUMN))
    monkeypatch.setattr(migrate, "_run", run)
    assert migrate.apply(con, files(COLUMN)) == ["9001_column"]


def test_a_new_database_has_nobody_to_block(con: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    con.script("DROP TABLE schema_migration")
    monkeypatch.setattr(migrate, "BLOCK_SECONDS", 0.0)
    assert migrate.apply(con, [SLOW]) == ["9004_slow"]


def test_writers_go_on_while_an_index_waits(con: Connection, connect: Connect) -> None:
    old_code, other = connect(), connect()
    with ThreadPoolExecutor(1) as thread:
        with old_code.transaction():
            add(old_code, "in the middle")
            migration = thread.submit(migrate.apply, con, files(INDEX))
            until(lambda: builds(other), bool)
            add(other, "meanwhile")
        assert migration.result() == ["9002_index"]
    assert indexes(con, "record_title") == [True]


def test_a_build_that_fails_leaves_no_index(con: Connection) -> None:
    add(con, "twice")
    add(con, "twice")
    with pytest.raises(MigrationError, match='9003_unique: could not create unique index "once"'):
        migrate.apply(con, files(UNIQUE))
    assert indexes(con, "once") == []


def test_a_build_that_takes_too_long_is_left_to_a_person(
    con: Connection, old_code: Connection, connect: Connect
) -> None:
    other = connect()
    with ThreadPoolExecutor(1) as thread:
        migration = thread.submit(migrate.apply, con, files(INDEX))
        (pid,) = until(lambda: builds(other), bool)
        other.query("SELECT pg_cancel_backend(:pid)", pid=pid)  # as the server does after statement_timeout
        with pytest.raises(MigrationError, match=re.escape(f"in psql, then migrate again: {INDEX.sql[:-1]}")):
            migration.result()


def test_what_an_interrupted_build_left_is_made_again(con: Connection) -> None:
    two = Migration(9005, "two", INDEX.sql + UNIQUE.sql)
    add(con, "twice")
    add(con, "twice")
    con.script(INDEX.sql)
    with suppress(StatementError):
        con.script(UNIQUE.sql)
    ((first,),) = con.query("SELECT to_regclass('record_title')::oid")
    con.query("DELETE FROM record WHERE id = (SELECT max(id) FROM record)")
    assert indexes(con, "once") == [False]
    assert migrate.apply(con, files(two)) == ["9005_two"]
    assert indexes(con, "once") == [True]
    assert con.query("SELECT to_regclass('record_title')::oid") == [[first]]


def test_functions_at_once_apply_each_migration_once(connect: Connect) -> None:
    old_code, watch, migrating = connect(), connect(), [connect() for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        with old_code.transaction():
            add(old_code, "in the middle")
            each = [threads.submit(migrate.apply, con, files(INDEX, UNIQUE)) for con in migrating]
            until(lambda: builds(watch), bool)
        applied = [name for migration in each for name in migration.result()]
    assert sorted(applied) == ["9002_index", "9003_unique"]
    assert indexes(watch, "record_title") == indexes(watch, "once") == [True]


def test_a_function_that_waits_in_vain_for_another_says_so(con: Connection, connect: Connect) -> None:
    with (
        migrate.migration_lock(connect()),
        pytest.raises(migrate.MigrationBusy),
        migrate.migration_lock(con, wait_seconds=0),
    ):
        pass


def test_an_index_may_take_as_long_as_the_function_has(
    environment: object, lambda_context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(con: Connection, *, may_block: bool) -> list[str]:
        seen.append((con.query("SHOW statement_timeout"), may_block))
        return []

    monkeypatch.setattr(migrate, "apply", look)
    lambda_context.remaining = 900_000
    assert handler({}, lambda_context) == {"applied": []}
    assert handler({"payload": {"may_block": True}}, lambda_context) == {"applied": []}
    assert seen == [([["880s"]], False), ([["880s"]], True)]
