"""Records: their types and limits."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

TITLE_MAX = 500
SOON_HOURS = 24
"""A record that expires within these hours expires soon."""

Status = Literal["all", "active", "soon", "expired"]


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
