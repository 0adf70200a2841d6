"""What texts in requests may be, wherever they come in."""

import re

SEARCH_MAX = 200
SIGNED = re.compile(r"[A-Za-z0-9_.-]+")
"""Signed cookies and tokens: base64 skips other characters, so that one signature would have many spellings."""
NO_NUL = {"pattern": r"^[^\x00]*$"}
"""What `without_nul` asks for, for the OpenAPI document."""


def without_nul(value: str) -> str:
    """PostgreSQL has no NUL in texts. ValueError says so."""
    if "\0" in value:
        raise ValueError("must not contain NUL (U+0000)")
    return value
