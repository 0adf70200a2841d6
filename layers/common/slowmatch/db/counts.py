"""Counts for people: exact up to CAP, beyond it only known to be more, so that each stays cheap."""

from typing import NamedTuple

CAP = 1_000
"""Statements count up to one more than this, through an index."""


class Count(NamedTuple):
    """`number` is exact, or CAP when there are more than that (`capped`)."""

    number: int
    capped: bool


def capped(counted: int) -> Count:
    """What a statement that stopped at CAP + 1 has counted."""
    return Count(min(counted, CAP), counted > CAP)
