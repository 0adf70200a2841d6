"""A list as CSV, in gzipped parts that fit into an answer of Lambda: 6 MB in base64."""

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from console.forms.form import whole_number
from console.web.request import current_request
from slowmatch.deadline import Deadline
from slowmatch.http import csv

C = TypeVar("C")

MAX_PARTS = 100_000
MAX_PART_BYTES = 4_000_000
MAX_PART_SECONDS = 4
_GZIP = 31


@dataclass(frozen=True, slots=True)
class Part(Generic[C]):
    """A file with a header. `next` is where the next part begins, None after the last."""

    gzipped: bytes
    rows: int
    next: C | None


def make_part(
    header: Sequence[str],
    read_page: Callable[[C | None], tuple[list[Sequence[object]], C | None]],
    start: C | None,
) -> Part[C]:
    """As many rows as fit into a part, or as are read in MAX_PART_SECONDS, but at least one page.

    `read_page` gives the rows from a place on, and the place of the next page, None after the last.
    """
    deadline = Deadline(time.monotonic() + MAX_PART_SECONDS)
    packer, packed, number = zlib.compressobj(6, zlib.DEFLATED, _GZIP), b"", 0
    text, place = csv.lines([header]), start
    while True:
        rows, following = read_page(place)
        text += csv.lines(rows)
        attempt = packer.copy()
        added = attempt.compress(text.encode()) + attempt.flush(zlib.Z_SYNC_FLUSH)
        if number and len(packed) + len(added) > MAX_PART_BYTES - MAX_PART_BYTES // 100:
            break
        packer, packed, text = attempt, packed + added, ""
        number, place = number + len(rows), following
        if place is None or deadline.is_over:
            break
    return Part(packed + packer.flush(), number, place)


def part_number() -> int:
    """Which part is asked for; 0 if the address does not say."""
    return whole_number(current_request().query.get("part", ""), MAX_PARTS)
