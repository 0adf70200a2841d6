"""What is said about records outside of their SQL."""

from datetime import datetime
from typing import Literal, NamedTuple

TITLE_MAX = 500

Status = Literal["all", "active", "soon", "expired"]

SOON_HOURS = 24


class Position(NamedTuple):
    """Where a page ended: its last record's keys."""

    id: int
    expiry_date: datetime


class Page(NamedTuple):
    """Some records as a JSON array, and where to go on, or None at the end."""

    items: str
    end: Position | None


class Summary(NamedTuple):
    """The three numbers of the daily e-mail."""

    total: int
    created_24h: int
    expired_24h: int
