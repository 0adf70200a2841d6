"""Types of request fields that several JSON APIs share."""

import re
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field

from slowmatch.http.pagination import MAX_BIGINT, MAX_LIMIT
from slowmatch.http.validation import (
    MAX_SEARCH_CHARACTERS,
    NO_NUL,
    YEARS_PATTERN,
    parse_timestamp,
    without_nul,
)

MAX_CURSOR_CHARACTERS = 1000


def _plain_number(value: Any) -> Any:
    """Refuse what pydantic accepts as a number too: 1.0, 1_000, +1, spaces."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,19}", value):
        raise ValueError("must be a whole number")
    return value


# The pattern is only for the OpenAPI document: the messages of `parse_timestamp` are better than its own.
Timestamp = Annotated[
    datetime, Field(json_schema_extra={"pattern": YEARS_PATTERN}), BeforeValidator(parse_timestamp)
]
SearchText = Annotated[
    str, Field(max_length=MAX_SEARCH_CHARACTERS, json_schema_extra=NO_NUL), AfterValidator(without_nul)
]
# Bounds come before this validator: behind it, pydantic leaves them out of the OpenAPI document.
PlainNumber = BeforeValidator(_plain_number)
Id = Annotated[int, Field(ge=1, le=MAX_BIGINT), PlainNumber, Path(alias="id")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), PlainNumber, Query()]
Cursor = Annotated[
    Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"})] | None,
    Query(max_length=MAX_CURSOR_CHARACTERS, description="`next` from the previous page"),
]
