"""Opaque cursors for keyset pagination: the keys of a page's last row, bound to the order of the list."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from slowmatch.http.errors import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_BIGINT = 2**63 - 1


def encode(order: str, *keys: object) -> str:
    """The cursor that continues after the row with these keys: aware datetimes, strings or integers."""
    plain = [key.isoformat() if isinstance(key, datetime) else key for key in keys]
    text = json.dumps([order, *plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(order: str, cursor: str, *readers: Callable[[Any], Any]) -> list[Any]:
    """The keys in the cursor, each checked by its reader. Raise Problem 422 unless `encode(order, ...)` made it."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found, *keys = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        if found != order or len(keys) != len(readers):
            raise ValueError(found)
        return [read(key) for read, key in zip(readers, keys, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        message = "must be the `next` value from an earlier page of the same list"
        raise Problem.invalid([{"field": "cursor", "message": message}]) from error


def bigint(value: object) -> int:
    """Read a positive bigint."""
    if type(value) is not int or not 1 <= value <= MAX_BIGINT:
        raise ValueError(value)
    return value
