"""Types of request fields that several functions share; their errors are in words."""

import re
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator

from slowmatch.http import timestamps
from slowmatch.http.paging import BIGINT_MAX, LIMIT_DEFAULT, LIMIT_MAX
from slowmatch.http.texts import SEARCH_MAX, without_nul

CURSOR_MAX = 1000


def _plain_number(value: Any) -> Any:
    """Refuse what pydantic would take for a number too: 1.0, 1_000, +1, spaces."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,19}", value):
        raise ValueError("must be a whole number")
    return value


Timestamp = Annotated[datetime, BeforeValidator(timestamps.parse)]
Id = Annotated[int, BeforeValidator(_plain_number), Path(alias="id", ge=1, le=BIGINT_MAX)]
Limit = Annotated[int, BeforeValidator(_plain_number), Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=CURSOR_MAX, description="`next` of the page before")]

__all__ = ["LIMIT_DEFAULT", "SEARCH_MAX", "Cursor", "Id", "Limit", "Timestamp", "without_nul"]
