"""Runs as CSV, in gzipped parts that fit into an answer of Lambda: 6 MB in base64."""

import json
import time
import zlib
from dataclasses import dataclass

from slowmatch.db import Connection
from slowmatch.db.text_search import MAX_PAGE_ROWS
from slowmatch.deadline import Deadline
from slowmatch.http import csv
from slowmatch.jobs.queries import runs
from slowmatch.jobs.queries.run_order import RunOrder
from slowmatch.jobs.run_filter import RunFilter

MAX_PART_BYTES = 4_000_000
MAX_PART_SECONDS = 4
COLUMNS = (
    *("id", "job", "state", "trigger", "triggered_by", "occurrence", "attempt", "failures", "max_attempts"),
    *("due_at", "created_at", "started_at", "finished_at", "error"),
)
"""The header: fields of a run, by their names in the API."""
_GZIP = 31


@dataclass(frozen=True, slots=True)
class Part:
    """A file with a header. `next` is the cursor of the next part, None after the last."""

    gzipped: bytes
    rows: int
    next: str | None


def make_part(con: Connection, wanted: RunFilter, before: str | None, order: RunOrder) -> Part:
    """As many runs behind the cursor as fit into a part, or as are read in MAX_PART_SECONDS, but at least one page."""
    deadline = Deadline(time.monotonic() + MAX_PART_SECONDS)
    packer, packed, rows = zlib.compressobj(6, zlib.DEFLATED, _GZIP), b"", 0
    text, last = csv.lines([COLUMNS]), before
    while True:
        page = runs.read_page(con, wanted, last, MAX_PAGE_ROWS, order)
        items = json.loads(page.json)
        text += csv.lines([item[column] for column in COLUMNS] for item in items)
        attempt = packer.copy()
        added = attempt.compress(text.encode()) + attempt.flush(zlib.Z_SYNC_FLUSH)
        if rows and len(packed) + len(added) > MAX_PART_BYTES - MAX_PART_BYTES // 100:
            break
        packer, packed, text = attempt, packed + added, ""
        rows, last = rows + len(items), page.last
        if last is None or deadline.is_over:
            break
    return Part(packed + packer.flush(), rows, last)
