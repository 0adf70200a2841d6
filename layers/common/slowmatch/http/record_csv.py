"""Records as CSV: the columns of an export, and what is in a file, or in a part of one, that somebody imports."""

import csv
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from slowmatch.http.csv import unescape_cell
from slowmatch.http.validation import parse_timestamp, without_nul
from slowmatch.records.model import valid_title

MAX_IMPORT_BYTES = 1024 * 1024
"""The most that one call imports."""
COLUMNS = ("id", "title", "created_at", "expiry_date", "is_expired")
"""The columns of an export."""
REQUIRED = ("title", "expiry_date")
IGNORED = ("id", "created_at", "is_expired", "error")
"""What exports, and files of refused lines, have besides."""
_PLAIN_DATE = len("2026-12-31")

T = TypeVar("T")
csv.field_size_limit(MAX_IMPORT_BYTES)


class CsvError(ValueError):
    """Why nothing of a file can be imported."""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not imported: `line` is where it begins in the file, `text` is the line again as CSV."""

    line: int
    message: str
    text: str


@dataclass(slots=True)
class ImportedCsv:
    """The records in a file: what can be created, and what cannot, with the reasons."""

    lines: int = 0
    titles: list[str] = field(default_factory=list)
    expiry_dates: list[datetime] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)


def read(content: bytes, first_line: int = 2) -> ImportedCsv:
    """The records in `content`, which begins with the names of the columns; those that follow begin in `first_line`.

    Raises CsvError.
    """
    reader = csv.reader(io.StringIO(_decoded(content), newline=""), strict=True)
    found, begins, offset = ImportedCsv(), 1, 0
    try:
        places = _places(next(reader, []))
        begins = reader.line_num + 1
        offset = first_line - begins
        for cells in reader:
            if cells:
                _read_line(found, cells, begins + offset, places)
            begins = reader.line_num + 1
    except csv.Error as error:
        reason = f"line {begins + offset} is not valid CSV, perhaps because of a quote that is not closed"
        raise CsvError(reason) from error
    return found


def _decoded(content: bytes) -> str:
    advice = "save it as CSV in UTF-8, and import it again"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1000]:
        raise CsvError(f"the file is in UTF-16: {advice}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CsvError(
            f"the file is not in UTF-8 but perhaps in Latin-1 or Windows-1252: {advice}"
        ) from error


def _places(header: list[str]) -> dict[str, int]:
    """Where each column is. Raises CsvError for missing, unknown and repeated ones."""
    names = [name.strip().lower().replace(" ", "_") for name in header]
    advice = "the first line has to name the columns title and expiry_date"
    if not any(names):
        raise CsvError(f"the file is empty: {advice}")
    if len(names) == 1 and (";" in header[0] or "\t" in header[0]):
        raise CsvError("semicolons or tabs separate the columns: save the file with commas")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise CsvError(f"the column {' and the column '.join(missing)} is missing: {advice}")
    for name, cell in zip(names, header, strict=True):
        shown = cell.strip()[:100] or "without a name"
        if names.count(name) > 1:
            raise CsvError(f"the column {shown} occurs twice")
        if name not in (*REQUIRED, *IGNORED):
            raise CsvError(f"the column {shown} is not one of a record: remove it")
    return {name: place for place, name in enumerate(names)}


def _read_line(found: ImportedCsv, cells: list[str], line: int, places: dict[str, int]) -> None:
    found.lines += 1
    if len(cells) != len(places):
        given = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        message = f"has {given}, but the first line names {len(places)} columns"
        found.refused.append(_refused(line, message, cells))
        return
    messages: list[str] = []
    title = _read_cell("title", cells[places["title"]], _parse_title, messages)
    expiry_date = _read_cell("expiry_date", cells[places["expiry_date"]], _parse_date, messages)
    if title is None or expiry_date is None:
        kept = [cell for name, cell in zip(places, cells, strict=True) if name != "error"]
        found.refused.append(_refused(line, "; ".join(messages), kept))
    else:
        found.titles.append(title)
        found.expiry_dates.append(expiry_date)


def _read_cell(name: str, text: str, parse: Callable[[str], T], messages: list[str]) -> T | None:
    try:
        return parse(text)
    except ValueError as error:
        messages.append(f"{name} {error}")
        return None


def _parse_title(text: str) -> str:
    return valid_title(without_nul(unescape_cell(text)))


def _parse_date(text: str) -> datetime:
    """A date, or a date and time, both in UTC unless there is an offset."""
    text = text.strip()
    if not text:
        raise ValueError("is required")
    time = f"{text}T00:00" if len(text) == _PLAIN_DATE else text
    with suppress(ValueError):
        return parse_timestamp(time)
    try:
        return parse_timestamp(f"{time}Z")
    except ValueError as error:
        what = "between the years 1970 and 9999" if "years" in str(error) else "a date such as 2026-12-31"
        raise ValueError(f"{text[:40]} is not {what}") from error


def _refused(line: int, message: str, cells: list[str]) -> RefusedLine:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return RefusedLine(line, message, text.getvalue())
