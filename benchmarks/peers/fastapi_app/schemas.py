"""Requests and responses."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

BIGINT_MAX = 2**63 - 1

Status = Literal["all", "active", "soon", "expired"]


def _visible(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not have a NUL character")
    if not text.strip():
        raise ValueError("must have a visible character")
    return text


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Title = Annotated[str, Field(strict=True, min_length=1, max_length=500), AfterValidator(_visible)]
Moment = Annotated[datetime, PlainSerializer(_utc)]


class RecordList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Status = "all"
    q: str = Field("", max_length=200)
    cursor: str | None = Field(None, max_length=1000)
    limit: int = Field(50, ge=1, le=200)


class NewRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    expiry_date: AwareDatetime


class RecordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    expiry_date: AwareDatetime | None = None

    @model_validator(mode="after")
    def something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must have title, expiry_date or both")
        return self


class RecordOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    created_at: Moment
    expiry_date: Moment
    is_expired: bool


class RecordPage(BaseModel):
    items: list[RecordOut]
    next: str | None
