"""Records: their types and limits."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

TITLE_MAX = 500
SOON_HOURS = 24
"""A record that expires within these hours expires soon."""

Status = Literal["all", "active", "due", "soon", "expired"]
"""Active: the expiry date is ahead. Due: it has passed, but the hourly job has not marked the record as expired yet."""
Sort = Literal["created", "-created", "expiry_date", "-expiry_date"]
"""A hyphen puts the largest first."""
SORTS: dict[Status, tuple[Sort, ...]] = {
    "all": ("-created", "created", "expiry_date", "-expiry_date"),
    "active": ("expiry_date", "-expiry_date"),
    "due": ("expiry_date", "-expiry_date"),
    "soon": ("expiry_date", "-expiry_date"),
    "expired": ("-expiry_date", "expiry_date"),
}
"""The orders of each list that an index has, the usual one first."""


def list_order(status: Status, sort: Sort | None) -> str:
    """What a cursor is bound to: another list or order has other places."""
    return status if sort in (None, SORTS[status][0]) else f"{status} {sort}"


class Position(NamedTuple):
    """The keys of a page's last record."""

    id: int
    expiry_date: datetime


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records as a JSON array, and the position to continue from, None at the end."""

    items: str
    size: int
    next: Position | None

    @property
    def has_next(self) -> bool:
        return self.next is not None


def valid_title(text: str) -> str:
    """Return `text`. Raise ValueError when it is no title, for example because nothing of it can be seen."""
    if not text:
        raise ValueError("is required")
    if len(text) > TITLE_MAX:
        raise ValueError(f"must have at most {TITLE_MAX} characters")
    if all(char.isspace() or unicodedata.category(char) in ("Cc", "Cf", "Zs") for char in text):
        raise ValueError("must have a visible character")
    return text
