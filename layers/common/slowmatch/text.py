"""Text from outside (exceptions, log lines, answers of other servers) made safe to store in PostgreSQL."""

import json
import re
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str, allow_nan=False)
_NUL_OR_BACKSLASH = re.compile(r"\\u0000|\\\\")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab and line breaks, and halves of surrogate pairs."""
NUL_OR_SURROGATE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL cannot store in a text."""
_FRAME = re.compile(r"^ +File ", re.MULTILINE)


def key_problem(key: object, max_characters: int) -> str | None:
    """Why `key` cannot be an idempotency key, or None. One that is changed to be stored would not be found again."""
    if not isinstance(key, str) or not 1 <= len(key) <= max_characters:
        return f"must have 1 to {max_characters} characters"
    return "must not contain NUL or lone surrogates" if NUL_OR_SURROGATE.search(key) else None


def clean(text: str, limit: int = 8_000) -> str:
    """The first `limit` characters, with U+FFFD in place of those that cannot or should not be stored."""
    stored = _UNSTORABLE.sub("\ufffd", text)
    return stored if len(stored) <= limit else stored[: limit - 1] + "…"


def clean_line(text: str | bytes, limit: int) -> str:
    """Like `clean`, on one line and with U+FFFD in place of invisible characters; bytes are read as UTF-8."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join(decoded.split())
    return clean("".join(char if char.isprintable() else "\ufffd" for char in line), limit)


def clean_traceback(text: str, limit: int) -> str:
    """Like `clean`, but keeps the end, where the exception is, starting at a whole frame if possible."""
    stored = clean(text, len(text))
    if len(stored) <= limit:
        return stored
    cut = len(stored) - limit
    frame = _FRAME.search(stored, cut)
    cut = frame.start() if frame else cut
    return f"... {cut:,} characters omitted ...\n{stored[cut:]}"


def to_json(value: Any) -> str:
    """JSON for a jsonb parameter; `str` renders values that JSON has no type for."""
    text = _ENCODER.encode(value)
    if "\\u0000" in text:  # NUL, or an escaped backslash before u0000
        text = _NUL_OR_BACKSLASH.sub(lambda found: found[0] if found[0] == r"\\" else "\ufffd", text)
    return text.encode("utf-8", "replace").decode("utf-8")
