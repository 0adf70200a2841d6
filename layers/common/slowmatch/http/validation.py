"""What request fields may contain, and the error messages for those that do not.

Nothing here imports pydantic: the console uses these checks and starts without it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from slowmatch.http.errors import FieldError

MAX_SEARCH_CHARACTERS = 200
SIGNED_TEXT = re.compile(r"[A-Za-z0-9_.-]+")
"""Signed cookies and tokens. base64 skips other characters, which would give one signature many spellings."""
NO_NUL = {"pattern": r"^[^\x00]*$"}
"""JSON Schema for `without_nul`."""
YEARS_PATTERN = r"^(19[7-9]\d|[2-9]\d{3})-"
"""JSON Schema pattern for the years that `parse_timestamp` accepts."""

_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_EXAMPLE = "2026-12-31T12:00:00Z"


def without_nul(value: str) -> str:
    """Raise ValueError for NUL, which PostgreSQL cannot store in text."""
    if "\0" in value:
        raise ValueError("must not contain NUL (U+0000)")
    return value


def parse_timestamp(value: object) -> datetime:
    """An RFC 3339 timestamp with an offset, as UTC cut to microseconds. Raise ValueError with a message for people."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string such as {_EXAMPLE}")
    form = _TIMESTAMP.fullmatch(value)
    if form is None:
        raise ValueError(f"must be a date and time such as {_EXAMPLE}")
    if form["offset"] is None:
        raise ValueError(f"has no UTC offset: write, for example, {_EXAMPLE}")
    out_of_range = "must be between the years 1970 and 9999 (UTC)"
    try:
        time = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except ValueError as error:
        raise ValueError(f"must be a date and time that exists, such as {_EXAMPLE}") from error
    except OverflowError as error:
        raise ValueError(out_of_range) from error
    if time.year < 1970:
        raise ValueError(out_of_range)
    return time


_INTEGER = "must be a single whole number"
_BOOLEAN = "must be true or false"
_OBJECT = "must be a JSON object"

MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a single string",
    "string_unicode": "must be valid Unicode: it contains half of a surrogate pair",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": _INTEGER,
    "int_from_float": _INTEGER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "value_error": "{error}",
}
"""Message by pydantic's type of error, for the types of fields in use; the names in braces are in its `ctx`."""


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Pydantic's errors as fields and messages, each once: the members of a union may all report the same."""
    found: list[FieldError] = []
    for error in errors:
        location = error["loc"][1:] or error["loc"]  # the place alone for an error of the whole body
        each = FieldError(field=".".join(map(str, location)), message=_message(error))
        if each not in found:
            found.append(each)
    return found


def _message(error: Mapping[str, Any]) -> str:
    template = MESSAGES.get(error["type"], "has a value that is not allowed")
    return re.sub(r"\b1 (character|item)s$", r"1 \1", template.format_map(error.get("ctx") or {}))
