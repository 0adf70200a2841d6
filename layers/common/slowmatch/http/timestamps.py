"""Dates and times in requests: RFC 3339 texts with an offset."""

import re
from datetime import UTC, datetime

YEARS = (1970, 9999)
YEARS_PATTERN = r"^(19[7-9]\d|[2-9]\d{3})-"

_FORM = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_EXAMPLE = "2026-12-31T12:00:00Z"


def parse(value: object) -> datetime:
    """The time in UTC, cut to microseconds. ValueError says in words what is wrong."""
    if not isinstance(value, str):
        raise ValueError(f"must be a text such as {_EXAMPLE}")
    form = _FORM.fullmatch(value)
    if form is None:
        raise ValueError(f"must be a date and time such as {_EXAMPLE}")
    if form["offset"] is None:
        raise ValueError(f"has no offset: write e.g. {_EXAMPLE}")
    try:
        time = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except ValueError as error:
        raise ValueError(f"must be a date and time that exist, such as {_EXAMPLE}") from error
    except OverflowError as error:
        raise ValueError(_out_of_range()) from error
    if not YEARS[0] <= time.year <= YEARS[1]:
        raise ValueError(_out_of_range())
    return time


def _out_of_range() -> str:
    return f"must be in the years {YEARS[0]} to {YEARS[1]} (UTC)"
