"""Pages of rows that match a text, for lists of records and of runs.

How often the text occurs shows in the first rows of the list. The first rows fill the page for a common text;
if they hold enough matches to promise a page, a longer walk fills it. The rest is rare enough to be collected
through the index of words and then sorted.

A caller's `fetch` runs the statement that makes a Page of a source: its own columns FROM `page_rows(source, order)`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from slowmatch.db.connection import Connection

MAX_PAGE_ROWS = 500
FIRST_WALK = 2_000
MAX_LUCK = 2
"""By chance, a walk may hold so many times fewer matches than promise a page. A longer one is tried all the same."""
WORK_MEM = "64MB"


class Page(Protocol):
    """What `fetch` returns: how many rows it has, and whether the list goes on."""

    @property
    def size(self) -> int: ...

    @property
    def has_next(self) -> bool: ...


P = TypeVar("P", bound=Page)


@dataclass(frozen=True, slots=True)
class SortedList:
    """The rows of `table` (with its alias: "job_run AS run") for which `where` holds, in an order that an index has."""

    table: str
    where: str
    order: str

    def all(self) -> str:
        return f"{self.table} WHERE {self.where}"

    def first(self, rows: int, matches: str) -> str:
        """Those that match among the first `rows`."""
        first = f"SELECT * FROM {self.all()} ORDER BY {self.order} LIMIT {rows}"
        return f"({first}) AS {self._alias} WHERE {matches}"

    def indexed(self, matches: str) -> str:
        """All that match, found through the index on `matches`, not in the list's order: OFFSET 0 separates them."""
        return f"(SELECT * FROM {self.all()} AND {matches} OFFSET 0) AS {self._alias}"

    @property
    def _alias(self) -> str:
        return self.table.split()[-1]


def page_rows(source: str, order: str) -> str:
    """The first `:limit` rows, at most MAX_PAGE_ROWS, and one more if the list goes on.

    The constant limit lets PostgreSQL keep its plan; with only a parameter it would plan for every page.
    """
    ordered = f"SELECT * FROM {source} ORDER BY {order} LIMIT {MAX_PAGE_ROWS + 1}"
    return f"(SELECT * FROM ({ordered}) AS ordered LIMIT :limit::integer + 1)"


def walk(
    rows: SortedList, matches: str, fetch: Callable[[str], P], *, limit: int, walks: Sequence[int]
) -> P | None:
    """The page, if the first rows of the list fill it; `walks` are the numbers of rows to try, the last the most."""
    for walked in walks:
        page = fetch(rows.first(walked, matches))
        if page.has_next:
            return page
        if page.size * walks[-1] <= limit * walked / MAX_LUCK:
            break
    return None


@contextmanager
def with_work_mem(con: Connection) -> Iterator[None]:
    """Give a search memory for the rows it finds: beyond PostgreSQL's 4 MB it would recheck each row of every page."""
    with con.transaction():
        con.query("SELECT set_config('work_mem', :work_mem, true)", work_mem=WORK_MEM)
        yield
