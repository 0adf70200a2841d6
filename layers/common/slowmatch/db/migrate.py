"""Applying the migrations: each once, in order, completely or not at all, while others use the database.

An applied file is never edited: its checksum is stored, and a difference stops everything. Two deployments at
the same time apply each file once. If one is killed, the next continues where it stopped. docs/deploy.md explains
how to write a file that old code can live with.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from slowmatch import telemetry
from slowmatch.db.connection import Connection
from slowmatch.db.errors import StatementError, TimedOut, Unavailable
from slowmatch.db.migration import Migration, MigrationError, created_index, migrations, normalized

LOCK_ID = 0x510_3A7C4
"""The number of the advisory lock; any constant does."""

ATTEMPTS = 20
PAUSE_SECONDS = 2.0
BLOCK_SECONDS = 0.7
"""How long a transaction may take: anybody who wants what it locks, or waits to lock, waits no longer."""
LOCK_WAIT_SECONDS = 0.3
STALL_SECONDS = 0.2
"""How long the server lets the transaction wait for its next statement."""

_LOCK_NOT_AVAILABLE, _DEADLOCK, _STALLED = "55P03", "40P01", "25P03"


class MigrationBusy(MigrationError):
    """Another migration is running; try again when it has ended."""


class WouldBlock(MigrationError):
    """The migration would have blocked others for too long, so it was rolled back. It may be tried again."""


def pending(con: Connection, files: list[Migration] | None = None) -> list[Migration]:
    """What `apply` would apply. Raises MigrationError where history and files differ."""
    missing = {file.version: file for file in (migrations() if files is None else files)}
    applied = _applied(con)
    for version, name, checksum in applied:
        file = missing.pop(version, None)
        if file is None:
            raise MigrationError(
                f"the database has migration {version:04}_{name}, but this version of the code does not;"
                " deploy a version that does"
            )
        if file.checksum != checksum:
            raise MigrationError(f"{file}.sql was edited after it was applied; add a new file instead")
    newest = applied[-1][0] if applied else 0
    late = [file for file in missing.values() if file.version < newest]
    if late:
        raise MigrationError(
            f"{late[0]}.sql has a lower number than a migration already applied; give it a higher number"
        )
    return list(missing.values())


def apply(con: Connection, files: list[Migration] | None = None, *, may_block: bool = False) -> list[str]:
    """Apply the pending migrations one after the other, and return their names.

    No statement of others is blocked for a second, unless `may_block`: a migration that takes longer is rolled
    back and tried again. A new database has nobody to block.
    """
    may_block = may_block or not _applied(con)
    applied = []
    while (file := _apply_next(con, files, may_block)) is not None:
        applied.append(str(file))
    return applied


CREATE_HISTORY = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


def _apply_next(con: Connection, files: list[Migration] | None, may_block: bool) -> Migration | None:
    attempt = 1
    while True:
        try:
            with migration_lock(con):
                con.query(CREATE_HISTORY)
                todo = pending(con, files)
                if not todo:
                    return None
                if todo[0].is_online:
                    _apply_online(con, todo[0])
                else:
                    _apply_in_transaction(con, todo[0], may_block)
                return todo[0]
        except WouldBlock as error:
            if attempt == ATTEMPTS:
                raise MigrationError(
                    f"{error}. The migration was tried {ATTEMPTS} times. Try again when the database is less busy,"
                    " or accept that other sessions may be blocked in the meantime:"
                    f' {{"payload": {{"may_block": true}}}}'
                ) from error
            telemetry.logger.warning(f"{error}; attempt {attempt} of {ATTEMPTS}")
            time.sleep(PAUSE_SECONDS)
            attempt += 1


@contextmanager
def migration_lock(con: Connection, wait_seconds: float = 30) -> Iterator[None]:
    """Hold the migrations' lock; raise MigrationBusy when another session has it for `wait_seconds`.

    It is a session's lock, because an index is built outside a transaction. It is polled, because the other
    session's index build would wait for a statement that waits for the lock.
    """
    deadline = time.monotonic() + wait_seconds
    while not con.query("SELECT pg_try_advisory_lock(:lock)", lock=LOCK_ID)[0][0]:
        if time.monotonic() > deadline:
            raise MigrationBusy("another migration is running; try again when it has ended")
        time.sleep(0.2)
    try:
        _detect_dead_client(con)
        yield
    finally:
        with suppress(Unavailable):
            con.query("SELECT pg_advisory_unlock(:lock)", lock=LOCK_ID)


def _apply_in_transaction(con: Connection, file: Migration, may_block: bool) -> None:
    """Apply all or nothing. The server enforces the limits. Raises WouldBlock or MigrationError."""
    began = time.monotonic()
    try:
        with con.transaction():
            _check_lock(con)
            if not may_block:
                con.script(
                    f"SET LOCAL lock_timeout = {_milliseconds(LOCK_WAIT_SECONDS)};"
                    f"SET LOCAL idle_in_transaction_session_timeout = {_milliseconds(STALL_SECONDS)}"
                )
            for statement in file.statements:
                if not may_block:
                    left = began + BLOCK_SECONDS - time.monotonic()
                    con.script(f"SET LOCAL statement_timeout = {_milliseconds(left)}")
                _run(con, file, statement)
            _add_to_history(con, file)
    except Unavailable as error:
        why = f"it takes longer than {BLOCK_SECONDS} s" if isinstance(error, TimedOut) else error
        raise WouldBlock(f"{file} was rolled back: {why}") from error


def _apply_online(con: Connection, file: Migration) -> None:
    """Apply each statement by itself, however long it takes; those that an interrupted one has done are skipped."""
    con.query("SELECT set_config('lock_timeout', '0', false)")  # its locks let readers and writers pass
    for statement in file.statements:
        index = created_index(statement)
        _drop_if_invalid(con, index)
        telemetry.logger.info("migrating", extra={"migration": str(file), "statement": normalized(statement)})
        try:
            _run(con, file, statement)
        except MigrationError:
            _drop_if_invalid(con, index)
            raise
        except TimedOut as error:
            raise MigrationError(
                f"{file} would exceed the function's time limit; run this statement in psql, then migrate again:"
                f" {normalized(statement)}"
            ) from error
    with con.transaction():
        _check_lock(con)
        _add_to_history(con, file)


def _run(con: Connection, file: Migration, statement: str) -> None:
    try:
        con.script(statement)
    except StatementError as error:
        message = f"{file}: {error.args[0]} in: {normalized(statement)}"
        if error.sqlstate in (_LOCK_NOT_AVAILABLE, _DEADLOCK, _STALLED):
            raise WouldBlock(message) from error
        raise MigrationError(message) from error


def _drop_if_invalid(con: Connection, index: str | None) -> None:
    """Drop what an interrupted build left: an index that every write pays for and no query uses."""
    if con.query(
        "SELECT FROM pg_index WHERE indexrelid = to_regclass(:index) AND NOT indisvalid", index=index
    ):
        con.script(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")


def _check_lock(con: Connection) -> None:
    """Take the lock once more in this transaction, which fails only if the connection, and the lock, was lost."""
    if not con.query("SELECT pg_try_advisory_xact_lock(:lock)", lock=LOCK_ID)[0][0]:
        raise MigrationBusy("another migration began after the connection was lost")


def _detect_dead_client(con: Connection) -> None:
    """Let the server notice when this function is killed, so that its session does not keep the lock."""
    con.query(
        """
        SELECT set_config('tcp_keepalives_idle', '10', false),
               set_config('tcp_keepalives_interval', '5', false),
               set_config('tcp_keepalives_count', '3', false)
        """
    )
    with suppress(StatementError):  # not on Windows
        con.query("SELECT set_config('client_connection_check_interval', '2s', false)")


def _applied(con: Connection) -> list[tuple[int, str, str]]:
    if con.query("SELECT to_regclass('schema_migration') IS NULL")[0][0]:
        return []
    rows = con.query("SELECT version, name, checksum FROM schema_migration ORDER BY version")
    return [(version, name, checksum) for version, name, checksum in rows]


def _add_to_history(con: Connection, file: Migration) -> None:
    sql = "INSERT INTO schema_migration (version, name, checksum) VALUES (:version, :name, :checksum)"
    con.query(sql, version=file.version, name=file.name, checksum=file.checksum)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))  # zero would mean no limit
