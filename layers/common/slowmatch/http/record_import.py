"""An import of records from CSV, in parts: the answer of the JSON API, and of the console."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from slowmatch.db import Connection
from slowmatch.http import record_csv
from slowmatch.http.record_csv import RefusedLine
from slowmatch.records import imports

MAX_REFUSED = 5_000
"""The most refused lines that one answer repeats; Lambda sends 6 MB at most."""
MAX_LINE = 1_000_000_000
"""The highest number of a line at which a part can begin."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the lines of a CSV file. A dry run creates nothing."""

    dry_run: bool
    lines: int
    valid: int
    created: int
    refused: list[RefusedLine]


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What the parts of a file share, and who imports it. `name` is shown to people."""

    name: str
    actor: str
    id: UUID


def import_part(
    con: Connection,
    content: bytes,
    file: ImportedFile,
    *,
    first_line: int = 2,
    dry_run: bool,
    key: str | None,
) -> ImportResult:
    """Create the records of a part, whose lines behind the names of the columns begin in `first_line` of the file.

    A `key` that is repeated creates nothing. Raises CsvError and KeyReused.
    """
    found = record_csv.read(content, first_line)
    created = 0
    if found.titles and not dry_run:
        created = imports.create(
            con,
            found.titles,
            found.expiry_dates,
            key=f"{file.actor} {key or uuid4()}",
            digest=hashlib.sha256(content).hexdigest(),
            action_id=file.id,
            target=file.name,
            actor=file.actor,
        )
    return ImportResult(dry_run, found.lines, len(found.titles), created, found.refused[:MAX_REFUSED])
