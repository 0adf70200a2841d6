"""Forward-only migrations: `migrations/NNNN_name.sql`, each applied once, in order, whole or not at all.

An applied file is never edited: its checksum is kept, and a difference stops everything. Two deploys at
once apply each file once; one that was killed is gone on with by the next. docs/deploy.md tells how to
write a file that old code can live with.
"""

import time
from typing import Any

from slowmatch import telemetry
from slowmatch.db import steps
from slowmatch.db.connection import Connection
from slowmatch.db.migration import Migration, MigrationError, migrations

__all__ = ["Migration", "MigrationError", "apply", "migrations", "pending"]

ATTEMPTS = 20
PAUSE_SECONDS = 2.0

_HISTORY = """
    CREATE TABLE IF NOT EXISTS schema_migration (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


def pending(con: Connection, files: list[Migration] | None = None) -> list[Migration]:
    """What `apply` would apply. Raises MigrationError where history and files differ."""
    known = {file.version: file for file in (migrations() if files is None else files)}
    applied = _applied(con)
    for version, name, checksum in applied:
        file = known.pop(version, None)
        if file is None:
            raise MigrationError(
                f"the database has migration {version:04}_{name}, this version of the code has not"
            )
        if file.checksum != checksum:
            raise MigrationError(f"{file}.sql was edited after it was applied; add a new file instead")
    newest = applied[-1][0] if applied else 0
    late = [file for file in known.values() if file.version < newest]
    if late:
        raise MigrationError(f"{late[0]}.sql is older than what is applied; renumber it")
    return list(known.values())


def apply(con: Connection, files: list[Migration] | None = None, *, may_block: bool = False) -> list[str]:
    """Apply what is pending, one after the other, and return the names.

    No statement of others is blocked for a second, unless `may_block`: a migration that takes longer is
    undone and tried again. In a new database there is nobody to block.
    """
    may_block = may_block or not _applied(con)
    applied: list[str] = []
    while (file := _patiently(con, files, may_block)) is not None:
        applied.append(str(file))
    return applied


def _patiently(con: Connection, files: list[Migration] | None, may_block: bool) -> Migration | None:
    for attempt in range(1, ATTEMPTS):
        try:
            return _apply_next(con, files, may_block)
        except steps.Blocked as error:
            telemetry.logger.warning(f"{error}; attempt {attempt} of {ATTEMPTS}")
            time.sleep(PAUSE_SECONDS)
    try:
        return _apply_next(con, files, may_block)
    except steps.Blocked as error:
        raise MigrationError(
            f"{error}. It was tried {ATTEMPTS} times. Try again when less is going on, or accept that others"
            f' are blocked meanwhile: {{"payload": {{"may_block": true}}}}'
        ) from error


def _apply_next(con: Connection, files: list[Migration] | None, may_block: bool) -> Migration | None:
    with steps.alone(con):
        con.query(_HISTORY)
        todo = pending(con, files)
        if not todo:
            return None
        if todo[0].is_online:
            steps.online(con, todo[0])
        else:
            steps.at_once(con, todo[0], may_block)
        return todo[0]


def _applied(con: Connection) -> list[list[Any]]:
    if con.query("SELECT to_regclass('schema_migration') IS NULL")[0][0]:
        return []
    return con.query("SELECT version, name, checksum FROM schema_migration ORDER BY version")
