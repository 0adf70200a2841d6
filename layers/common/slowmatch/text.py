"""Text from outside (exceptions, log lines, what other servers answer) in a form that PostgreSQL can store."""

import json
import re
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str, allow_nan=False)
_NUL_OR_BACKSLASH = re.compile(r"\\u0000|\\\\")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than tab and line breaks, and halves of surrogate pairs."""
_FRAME = re.compile(r"^ +File ", re.MULTILINE)


def clean(text: str, limit: int = 8_000) -> str:
    """The first `limit` characters, with U+FFFD for each one that cannot or should not be stored."""
    stored = _UNSTORABLE.sub("\ufffd", text)
    return stored if len(stored) <= limit else stored[: limit - 1] + "…"


def clean_line(text: str | bytes, limit: int) -> str:
    """As `clean`, on a single line and with nothing invisible in it; bytes are read as UTF-8."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join(decoded.split())
    return clean("".join(sign if sign.isprintable() else "\ufffd" for sign in line), limit)


def clean_traceback(text: str, limit: int) -> str:
    """As `clean`, but keeps the end, where the exception is, from a whole frame on if there is one."""
    stored = clean(text, len(text))
    if len(stored) <= limit:
        return stored
    cut = len(stored) - limit
    frame = _FRAME.search(stored, cut)
    cut = frame.start() if frame else cut
    return f"... {cut:,} characters left out ...\n{stored[cut:]}"


def to_json(value: Any) -> str:
    """JSON for a jsonb parameter; what JSON does not know becomes text."""
    text = _ENCODER.encode(value)
    if "\\u0000" in text:  # the character, or these six after a backslash of their own
        text = _NUL_OR_BACKSLASH.sub(lambda found: found[0] if found[0] == r"\\" else "\ufffd", text)
    return text.encode("utf-8", "replace").decode("utf-8")
