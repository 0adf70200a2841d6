"""The form of all JSON in answers: no spaces between tokens, times in UTC with Z, a line feed at the end."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any


def json_body(value: Any) -> str:
    """`value` as a body. It may contain aware times and dataclasses."""
    return _ENCODER.encode(value) + "\n"


def utc_text(time: datetime) -> str:
    """An aware time, such as 2026-11-24T07:00:00Z."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _plain(value: Any) -> Any:
    """What JSON has for a value that it has no type for."""
    if isinstance(value, datetime):
        return utc_text(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
