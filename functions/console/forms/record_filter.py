"""Which records a list shows, and in which order, as its address says."""

from dataclasses import dataclass
from typing import Any, get_args

from console.web.formatting import number
from console.web.request import address
from slowmatch.http.validation import MAX_SEARCH_CHARACTERS
from slowmatch.records.model import SOON_HOURS, SORTS, Sort, Status

HOME = "/records"
_IN_WORDS: dict[Status, str] = {
    "all": "record{}",
    "active": "active record{}",
    "due": "due record{}",
    "soon": f"record{{}} expiring within {SOON_HOURS} hours",
    "expired": "expired record{}",
}


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """`sort` is one that the list can have."""

    status: Status
    q: str
    sort: Sort

    @classmethod
    def read(cls, given: dict[str, str]) -> "RecordFilter":
        """The filter in a query or form; what is not known there is as if it were left out."""
        status: Status = next((name for name in get_args(Status) if name == given.get("status")), "all")
        sort = next((name for name in SORTS[status] if name == given.get("sort")), SORTS[status][0])
        return cls(status, given.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_CHARACTERS], sort)

    @property
    def fields(self) -> dict[str, str]:
        """As an address has it: what is usual is left out."""
        fields = {
            "status": self.status if self.status != "all" else "",
            "q": self.q,
            "sort": self.sort if self.sort != SORTS[self.status][0] else "",
        }
        return {name: value for name, value in fields.items() if value}

    def address(self, path: str = HOME, **changes: Any) -> str:
        fields = {**self.fields, **changes}
        if fields.get("sort") == SORTS[self.status][0]:
            del fields["sort"]
        return address(path, **fields)

    def other_status(self, status: Status) -> str:
        """The address of another list with the same search."""
        return RecordFilter(status, self.q, SORTS[status][0]).address()

    def toggled(self, key: str) -> Sort | None:
        """The order by `key` that a click on its heading leads to; None if the list cannot have it."""
        wanted = [sort for sort in SORTS[self.status] if sort.strip("-") == key and sort != self.sort]
        return wanted[0] if wanted else None

    def words(self, count: str) -> str:
        """For example: 3 expired records whose titles match “lease”."""
        text = f"{count} {_IN_WORDS[self.status].format('' if count == '1' else 's')}"
        return f"{text} whose title{' matches' if count == '1' else 's match'} “{self.q}”" if self.q else text


def plural_records(count: int) -> str:
    return f"{number(count)} record{'' if count == 1 else 's'}"
