"""Migration files, `migrations/NNNN_name.sql`: their statements, and whether they run in one transaction."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | "(?:[^"]|"")*" | (\$\w*\$).*?\1 | ;""", re.DOTALL | re.VERBOSE
)
_ONLINE = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE CONSTRAINT\b")
_REPEATABLE = re.compile(
    r"CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (?P<index>\w+) ON "
    r"|DROP INDEX CONCURRENTLY IF EXISTS \w+$"
    r"|ALTER TABLE \w+ VALIDATE CONSTRAINT \w+$"
)


class MigrationError(Exception):
    """The database and the migration files contradict each other, or a file cannot be applied."""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @cached_property
    def statements(self) -> list[str]:
        return split_statements(self.sql)

    @cached_property
    def is_online(self) -> bool:
        """Whether each statement runs outside a transaction, blocks nobody and may take long.

        Raises MigrationError when there is also another statement, which could not be undone or repeated.
        """
        texts = [normalized(statement) for statement in self.statements]
        if not any(_ONLINE.search(text) for text in texts):
            return False
        for text in texts:
            if not _REPEATABLE.match(text):
                raise MigrationError(
                    f"{self} runs outside a transaction, so it can only CREATE INDEX CONCURRENTLY IF NOT EXISTS,"
                    f" DROP INDEX CONCURRENTLY IF EXISTS and VALIDATE CONSTRAINT; put this into another file: {text}"
                )
        return True


def migrations() -> list[Migration]:
    """The files of the package, in order."""
    found = []
    for file in (resources.files("slowmatch.db") / "migrations").iterdir():
        if file.name.endswith(".sql"):
            version, name = file.name.removesuffix(".sql").split("_", 1)
            found.append(Migration(int(version), name, file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def split_statements(sql: str) -> list[str]:
    """The statements of a script. A function's body must be in dollar quotes, or one RETURN."""
    ends = [token.start() for token in _TOKEN.finditer(sql) if token[0] == ";"]
    parts = [sql[begin + 1 : end] for begin, end in zip([-1, *ends], [*ends, len(sql)], strict=True)]
    return [part.strip() for part in parts if normalized(part)]


def normalized(statement: str) -> str:
    """The statement on one line, without comments."""
    return " ".join(
        _TOKEN.sub(lambda token: " " if token[0][:2] in ("--", "/*") else token[0], statement).split()
    )


def created_index(statement: str) -> str | None:
    """The name of the index that a statement of an online migration creates."""
    found = _REPEATABLE.match(normalized(statement))
    return found["index"] if found else None
