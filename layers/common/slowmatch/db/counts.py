"""Counts for people: exact up to CAP, beyond it only known to be more, so that each stays cheap."""

from typing import NamedTuple

CAP = 1_000
"""Statements count up to one more than this, through an index."""


class Count(NamedTuple):
    """`number` is exact, or the cap when there are more than that (`capped`)."""

    number: int
    capped: bool


def capped(counted: int, cap: int = CAP) -> Count:
    """What a statement that stopped at cap + 1 has counted."""
    return Count(min(counted, cap), counted > cap)
