"""The one exception with a status code."""

from collections.abc import Mapping, Sequence
from typing import TypedDict


class FieldError(TypedDict):
    """Which field of the request is wrong, and what is allowed there."""

    field: str
    message: str


class Problem(Exception):
    """An answer other than success, as RFC 9457 describes it."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, errors: Sequence[FieldError]) -> "Problem":
        """422 for fields that are there but not as allowed."""
        detail = "; ".join(f"{error['field']} {error['message']}" for error in errors)
        return cls(422, "Invalid request", detail, errors)
