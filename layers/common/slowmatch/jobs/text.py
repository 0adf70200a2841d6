"""Anything a handler says, in a form that PostgreSQL takes: no NUL, no lone surrogates, bounded."""

import json
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str, allow_nan=False)


def clean(text: str, limit: int = 8_000) -> str:
    """At most `limit` characters, with U+FFFD where a character cannot be stored."""
    stored = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return stored if len(stored) <= limit else stored[: limit - 1] + "…"


def to_json(value: Any) -> str:
    """JSON for a jsonb parameter; what JSON does not know becomes text."""
    return _ENCODER.encode(value).replace("\\u0000", "\ufffd").encode("utf-8", "replace").decode("utf-8")
