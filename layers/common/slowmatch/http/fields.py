"""Types of request fields that several functions share; their errors are in words."""

import re
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, Field

from slowmatch.http import timestamps
from slowmatch.http.pagination import BIGINT_MAX, LIMIT_DEFAULT, LIMIT_MAX
from slowmatch.http.texts import SEARCH_MAX, without_nul

CURSOR_MAX = 1000


def _plain_number(value: Any) -> Any:
    """Refuse what pydantic would take for a number too: 1.0, 1_000, +1, spaces."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,19}", value):
        raise ValueError("must be a whole number")
    return value


# The pattern is for the OpenAPI document: `timestamps.parse` says in words what is wrong.
Timestamp = Annotated[
    datetime,
    Field(json_schema_extra={"pattern": timestamps.YEARS_PATTERN}),
    BeforeValidator(timestamps.parse),
]
# Bounds stand before the validator: after it, pydantic has no words for them in the OpenAPI document.
PlainNumber = BeforeValidator(_plain_number)
Id = Annotated[int, Field(ge=1, le=BIGINT_MAX), PlainNumber, Path(alias="id")]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX), PlainNumber, Query()]
Cursor = Annotated[
    Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"})] | None,
    Query(max_length=CURSOR_MAX, description="`next` of the page before"),
]

__all__ = ["LIMIT_DEFAULT", "SEARCH_MAX", "Cursor", "Id", "Limit", "PlainNumber", "Timestamp", "without_nul"]
