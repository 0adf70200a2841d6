"""Identifiers of runs: UUID version 7, so that their order is the order of creation."""

import secrets
import time
import uuid


def new_run_id(milliseconds: int | None = None) -> str:
    """RFC 9562, section 5.7: 48 bits of Unix milliseconds, then version, variant and random bits."""
    at = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    value = (at << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def parse_run_id(text: object) -> str | None:
    """The identifier in its usual form, or None when it is none."""
    try:
        return str(uuid.UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None
