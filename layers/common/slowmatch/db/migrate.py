"""Forward-only migrations: `migrations/NNNN_name.sql`, each applied once, in order, in a transaction.

An applied file is never edited: its checksum is kept, and a difference stops everything. The lock is
held by a transaction, so two deploys at once apply each file once, and a crash releases it.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources

from slowmatch.db.connection import Connection

LOCK = 0x510_3A7C4  # any constant of our own: pg_advisory_xact_lock takes a number


class MigrationError(Exception):
    """The database and the migration files contradict each other."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The files of the package, in order."""
    files = (resources.files("slowmatch.db") / "migrations").iterdir()
    found = []
    for file in sorted(files, key=lambda file: file.name):
        if file.name.endswith(".sql"):
            version, name = file.name.removesuffix(".sql").split("_", 1)
            found.append(Migration(int(version), name, file.read_text("utf-8")))
    return found


def pending(con: Connection, files: list[Migration] | None = None) -> list[Migration]:
    """What `apply` would apply. Raises MigrationError where history and files differ."""
    con.query(
        """
        CREATE TABLE IF NOT EXISTS schema_migration (
            version integer PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    known = {file.version: file for file in (migrations() if files is None else files)}
    applied = con.query("SELECT version, name, checksum FROM schema_migration ORDER BY version")
    for version, name, checksum in applied:
        file = known.pop(version, None)
        if file is None:
            raise MigrationError(
                f"the database has migration {version:04}_{name}, this version of the code has not"
            )
        if file.checksum != checksum:
            raise MigrationError(
                f"{version:04}_{name}.sql was edited after it was applied; add a new file instead"
            )
    newest = applied[-1][0] if applied else 0
    late = [file for file in known.values() if file.version < newest]
    if late:
        raise MigrationError(
            f"{late[0].version:04}_{late[0].name}.sql is older than what is applied; renumber it"
        )
    return list(known.values())


def apply(con: Connection, files: list[Migration] | None = None) -> list[str]:
    """Apply what is pending, all or nothing, and return the names."""
    with con.transaction():
        con.query("SELECT pg_advisory_xact_lock(:lock)", lock=LOCK)
        con.query("SET LOCAL statement_timeout = 0")
        todo = pending(con, files)
        for file in todo:
            con.script(file.sql)
            con.query(
                "INSERT INTO schema_migration (version, name, checksum) VALUES (:version, :name, :checksum)",
                version=file.version,
                name=file.name,
                checksum=file.checksum,
            )
    return [f"{file.version:04}_{file.name}" for file in todo]
