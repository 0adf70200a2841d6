"""Anything a handler says, in a form that PostgreSQL takes: no NUL, no lone surrogates, bounded."""

import json
import re
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str, allow_nan=False)
_NUL_OR_BACKSLASH = re.compile(r"\\u0000|\\\\")


def clean(text: str, limit: int = 8_000) -> str:
    """At most `limit` characters, with U+FFFD where a character cannot be stored."""
    stored = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return stored if len(stored) <= limit else stored[: limit - 1] + "…"


def to_json(value: Any) -> str:
    """JSON for a jsonb parameter; what JSON does not know becomes text."""
    text = _ENCODER.encode(value)
    if "\\u0000" in text:  # the character, or these six after a backslash of their own
        text = _NUL_OR_BACKSLASH.sub(lambda found: found[0] if found[0] == r"\\" else "\ufffd", text)
    return text.encode("utf-8", "replace").decode("utf-8")
