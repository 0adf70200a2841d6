"""CSV as RFC 4180 describes it, with cells that no spreadsheet takes for a formula."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""The beginning of a formula, also behind apostrophes: otherwise '=1 and =1 would become the same cell."""
_SUSPICIOUS = frozenset("'=+-@\t\r")


def lines(rows: Iterable[Sequence[object]]) -> str:
    """A line for each row. None becomes an empty cell, a boolean true or false."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def escape_cell(text: str) -> str:
    """`text` with an apostrophe in front if a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """The text that `escape_cell` was given: exactly one apostrophe is taken away, and only in front of a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _cell(value: object) -> object:
    if isinstance(value, str):
        return escape_cell(value) if value[:1] in _SUSPICIOUS else value  # most cells, so without the pattern
    return json.dumps(value) if isinstance(value, bool) else value
