"""The two ways of applying a migration while others use the database, and who may do it.

One transaction: its locks are waited for and held for less than a second together, which the server
enforces; beyond that it is undone. Online: each statement by itself, however long, blocking nobody.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from slowmatch import telemetry
from slowmatch.db.connection import Connection
from slowmatch.db.errors import StatementError, TimedOut, Unavailable
from slowmatch.db.migration import Migration, MigrationError, bare, made_index

LOCK = 0x510_3A7C4  # any constant of our own: the functions of advisory locks take a number

BLOCK_SECONDS = 0.7
"""How long a transaction may take. Whoever wants what it locks, or waits to lock, waits no longer."""
LOCK_WAIT_SECONDS = 0.3
STALL_SECONDS = 0.2
"""How long the server lets the transaction wait for its next statement."""

_LOCK_NOT_AVAILABLE, _DEADLOCK, _STALLED = "55P03", "40P01", "25P03"


class MigrationBusy(MigrationError):
    """Another migration is at work; when it is over, this one may go on."""


class MigrationFailed(MigrationError):
    """A statement was refused. Nothing of its transaction is left."""


class Blocked(MigrationError):
    """The migration would have blocked others for too long, so it was undone. It may be tried again."""


@contextmanager
def alone(con: Connection, patience: float = 30) -> Iterator[None]:
    """Hold the lock of the migrations; raise MigrationBusy when another has it for `patience` seconds.

    It belongs to the session, because an index is built outside a transaction, and goes with it. It is asked
    for again and again: a statement that waits would be one that the other's index has to wait for.
    """
    deadline = time.monotonic() + patience
    while not con.query("SELECT pg_try_advisory_lock(:lock)", lock=LOCK)[0][0]:
        if time.monotonic() > deadline:
            raise MigrationBusy("another migration is at work; try again when it is over")
        time.sleep(0.2)
    try:
        _notice_a_dead_client(con)
        yield
    finally:
        with suppress(Unavailable):
            con.query("SELECT pg_advisory_unlock(:lock)", lock=LOCK)


def at_once(con: Connection, file: Migration, may_block: bool) -> None:
    """Apply a migration in one transaction. Raises Blocked or MigrationFailed, and then nothing is left of it."""
    began = time.monotonic()
    try:
        with con.transaction():
            _still_alone(con)
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
            _note(con, file)
    except Unavailable as error:
        why = f"it takes longer than {BLOCK_SECONDS} s" if isinstance(error, TimedOut) else error
        raise Blocked(f"{file} was undone: {why}") from error


def online(con: Connection, file: Migration) -> None:
    """Apply a migration statement by statement; what an interrupted one has done already is not done again."""
    con.query("SELECT set_config('lock_timeout', '0', false)")  # its locks let readers and writers pass
    for statement in file.statements:
        index = made_index(statement)
        if index is not None:
            _drop_if_invalid(con, index)
        telemetry.logger.info("migrating", extra={"migration": str(file), "statement": bare(statement)})
        try:
            _run(con, file, statement)
        except MigrationError:
            if index is not None:
                _drop_if_invalid(con, index)
            raise
        except Unavailable as error:
            if not isinstance(error, TimedOut):
                raise
            raise MigrationFailed(
                f"{file} takes longer than the function has; do it from psql, and then migrate again: {bare(statement)}"
            ) from error
    with con.transaction():
        _still_alone(con)
        _note(con, file)


def _run(con: Connection, file: Migration, statement: str) -> None:
    try:
        con.script(statement)
    except StatementError as error:
        said = f"{file}: {error.args[0]} in: {bare(statement)}"
        if error.sqlstate in (_LOCK_NOT_AVAILABLE, _DEADLOCK, _STALLED):
            raise Blocked(said) from error
        raise MigrationFailed(said) from error


def _drop_if_invalid(con: Connection, index: str) -> None:
    """A build that did not come to its end leaves an index that every write pays for and no query uses."""
    invalid = con.query(
        "SELECT FROM pg_index WHERE indexrelid = to_regclass(:index) AND NOT indisvalid", index=index
    )
    if invalid:
        con.script(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")


def _still_alone(con: Connection) -> None:
    """Within a transaction: the session that has the lock gets it again, a new one when nobody has it."""
    if not con.query("SELECT pg_try_advisory_xact_lock(:lock)", lock=LOCK)[0][0]:
        raise MigrationBusy("another migration began after the connection was lost")


def _notice_a_dead_client(con: Connection) -> None:
    """A function that was killed in the middle must not keep the lock: the server looks whether it is there."""
    con.query(
        """
        SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
            set_config('tcp_keepalives_count', '3', false)
        """
    )
    with suppress(StatementError):  # a server on Windows cannot look
        con.query("SELECT set_config('client_connection_check_interval', '2s', false)")


def _note(con: Connection, file: Migration) -> None:
    con.query(
        "INSERT INTO schema_migration (version, name, checksum) VALUES (:version, :name, :checksum)",
        version=file.version,
        name=file.name,
        checksum=file.checksum,
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))  # zero would be without end
