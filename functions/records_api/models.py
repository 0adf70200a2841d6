"""Requests and answers about records."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from slowmatch.http.api import documented
from slowmatch.http.fields import PlainNumber, Timestamp
from slowmatch.http.record_import import MAX_LINE, ImportResult
from slowmatch.http.validation import without_nul
from slowmatch.records.model import TITLE_MAX, valid_title

FirstLine = Annotated[int, Field(ge=2, le=MAX_LINE), PlainNumber]
VISIBLE = r"^[^\x00]*[^\x00-\x20\x7f-\xa0\xad][^\x00]*$"
Title = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=TITLE_MAX, json_schema_extra={"pattern": VISIBLE}),
    AfterValidator(without_nul),
    AfterValidator(valid_title),
]


class NewRecord(BaseModel):
    """A complete record, for POST and PUT."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    expiry_date: Timestamp


class RecordChange(BaseModel):
    """The fields to change."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    title: Title = Field(default=None, validate_default=False)  # type: ignore[assignment]
    expiry_date: Timestamp = Field(default=None, validate_default=False)  # type: ignore[assignment]

    @model_validator(mode="after")
    def _has_a_field(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must have title, expiry_date or both")
        return self


class Record(BaseModel):
    """A record; times are UTC."""

    id: int
    title: str
    created_at: datetime
    expiry_date: datetime
    is_expired: bool


class RecordPage(BaseModel):
    """One page of records and the cursor of the next, null at the end."""

    items: list[Record]
    next: str | None


ONE = documented(200, "The record; the header ETag is its version", Record)
NEW = documented(201, "The new record", Record)
MANY = documented(200, "A page of records", RecordPage)
GONE: dict[int, Any] = {204: {"description": "The record was deleted"}}
IMPORTED = documented(200, "What was imported", ImportResult)
