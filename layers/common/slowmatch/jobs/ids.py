"""Identifiers of runs: UUID version 7, so that their order is the order of creation."""

import re
import secrets
import time
import uuid
from datetime import datetime

MIN_DIGITS = 8
"""The fewest digits of a search for the beginning of an identifier. Fewer are treated as words."""


def new_run_id(milliseconds: int | None = None) -> str:
    """RFC 9562, section 5.7: 48 bits of Unix milliseconds, then version, variant and random bits.

    The first 12 random bits hold the fraction of the millisecond (section 6.2, method 3), so that identifiers that a
    process makes are in order within a millisecond, too.
    """
    nanoseconds = time.time_ns() if milliseconds is None else milliseconds * 1_000_000
    whole, rest = divmod(nanoseconds, 1_000_000)
    value = (whole << 80) | (7 << 76) | (rest * 4096 // 1_000_000 << 64) | (2 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def parse_run_id(text: object) -> str | None:
    """The identifier in its usual form, or None if it is not one."""
    try:
        return str(uuid.UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def first_run_id(moment: datetime) -> str:
    """The lowest identifier that is made at `moment` (aware) or later."""
    milliseconds = min(max(int(moment.timestamp() * 1000), 0), 2**48 - 1)
    return str(uuid.UUID(int=milliseconds << 80))


def run_id_range(text: str) -> tuple[str, str] | None:
    """The lowest and highest identifier that begin with `text`, or None if it is too short or not hexadecimal."""
    digits = text.replace("-", "").lower()
    if not MIN_DIGITS <= len(digits) <= 32 or not re.fullmatch(r"[0-9a-f]+", digits):
        return None
    return str(uuid.UUID(digits.ljust(32, "0"))), str(uuid.UUID(digits.ljust(32, "f")))
