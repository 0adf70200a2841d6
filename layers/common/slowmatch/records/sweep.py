"""Many records changed in small transactions, about as fast as by one large statement.

Where every other page of the table has such a record, the table is walked from its first page to its last,
as one large statement would: each page is read and written once. What is few, and what a walk left because
somebody held a lock, is taken through its index, oldest first.

No batch waits for the disk. A crash takes back the last batches of a run that has not ended, and its next
attempt finds their records again; the commits that end a run, or keep its progress, do wait, for all before.
"""

import time
from collections.abc import Iterator
from typing import Any

from slowmatch.db import Connection, StatementError
from slowmatch.records import upkeep
from slowmatch.records.upkeep import Chosen

RECORDS_PER_PAGE = 120
"""More have no room in 8 KiB: the smallest record takes 64 bytes, and 4 for its place."""
STEP_SECONDS = 0.25
TELLING = 100
"""The time of fewer records says little about the time of one."""
_LOCK_NOT_AVAILABLE = "55P03"


class Sweep:
    """Changes what is chosen, and after each step of about STEP_SECONDS gives how many are `done` of `total`.

    The first transaction changes `limit` records at most. Those that follow grow and shrink, so that even
    pages full of chosen records would take what `chosen` allows. `cursor` is where an earlier sweep stopped.
    """

    def __init__(
        self, con: Connection, chosen: Chosen, limit: int, actor: str, cursor: dict[str, Any]
    ) -> None:
        self._con = con
        self._chosen = chosen
        self._limit = limit
        self._actor = actor
        self._told, self._took = 0, 0.0
        found, self._end = upkeep.count(con, chosen), upkeep.pages(con)
        walks = limit >= RECORDS_PER_PAGE and found > self._end // 2
        self._page = int(cursor.get("page", 0 if walks else self._end))
        self.done = int(cursor.get("done", 0))
        self.total = self.done + found

    @property
    def cursor(self) -> dict[str, Any]:
        return {"done": self.done, "page": self._page}

    def __iter__(self) -> Iterator[int]:
        while self._page < self._end:
            self._walk()
            yield self.done
        while self.done < self.total and (count := self._batch()):
            self.done += count
            yield self.done

    def _walk(self) -> None:
        until = time.monotonic() + STEP_SECONDS
        while self._page < self._end and time.monotonic() < until:
            self.done += self._next_pages()

    def _next_pages(self) -> int:
        first = self._page
        self._page += max(1, self._limit // RECORDS_PER_PAGE)
        began = time.monotonic()
        try:
            count = upkeep.change_pages(self._con, self._chosen, first, self._page, self._actor)
        except StatementError as error:
            if error.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            return 0
        self._pace(count, time.monotonic() - began)
        return count

    def _batch(self) -> int:
        began = time.monotonic()
        count = upkeep.change_oldest(self._con, self._chosen, self._limit, self._actor)
        self._pace(count, time.monotonic() - began)
        return count

    def _pace(self, count: int, seconds: float) -> None:
        self._told += count
        self._took += seconds
        longest = self._chosen.statements.batch_seconds
        if self._told >= TELLING:
            fits = int(self._told * longest / self._took)
            self._limit = max(1, min(fits, 2 * self._limit))
            self._told, self._took = 0, 0.0
        elif seconds > longest:
            self._limit = max(1, self._limit // 2)
