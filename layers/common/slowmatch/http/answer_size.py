"""The size of an answer: Lambda passes on 6 MB at most, and API Gateway answers 500 for it beyond that."""

import json

from slowmatch.http.problem import Problem

MAX_BYTES = 6_000_000
_LONGEST = 6
"""Bytes of the longest character in Lambda's JSON: a control character, such as \\u0001."""


def check(body: str | bytes | None) -> None:
    """Raise Problem 500 for an answer that Lambda would refuse: the last resort, since lists have their own bounds."""
    size = _size(body or "")
    if size > MAX_BYTES:
        detail = (
            f"the answer would have {size:,} bytes, and Lambda sends {MAX_BYTES:,} at most:"
            " ask for less, such as fewer hours or a smaller limit"
        )
        raise Problem(500, "Answer too large", detail)


def _size(body: str | bytes) -> int:
    """Bytes inside of Lambda's own JSON, where a text is escaped and bytes are base64."""
    if isinstance(body, bytes):
        return (len(body) + 2) // 3 * 4
    if len(body) * _LONGEST <= MAX_BYTES:
        return len(body)
    return len(json.dumps(body, ensure_ascii=False).encode())
