"""Opaque keyset cursors: where a page ended, bound to the order of its list."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from slowmatch.http import timestamps
from slowmatch.http.problem import Problem

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
BIGINT_MAX = 2**63 - 1

_JSON = json.JSONEncoder(separators=(",", ":"))

Reader = Callable[[Any], Any]


def encode(order: str, *keys: object) -> str:
    """The cursor after the row with these keys; times are aware datetimes, everything else is text or int."""
    plain = [key.isoformat() if isinstance(key, datetime) else key for key in keys]
    text = _JSON.encode([order, *plain])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(order: str, cursor: str, *readers: Reader) -> list[Any]:
    """The keys in the cursor, each read by its reader.

    Raises Problem 422 naming `cursor` when it is not one of `encode(order, ...)`.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found, *keys = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        if found != order or len(keys) != len(readers):
            raise ValueError(found)
        return [read(key) for read, key in zip(readers, keys, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        message = "must be the `next` of an earlier page of this same list"
        raise Problem.invalid([{"field": "cursor", "message": message}]) from error


def whole(value: object) -> int:
    """Read a positive bigint."""
    if type(value) is not int or not 1 <= value <= BIGINT_MAX:
        raise ValueError(value)
    return value


def moment(value: object) -> datetime:
    """Read a time with an offset."""
    return timestamps.parse(value)


def text(value: object) -> str:
    """Read a text without NUL."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    value.encode()  # half of a surrogate pair is a ValueError
    return value
