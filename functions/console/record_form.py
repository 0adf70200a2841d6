"""The form of a record: what was typed, what is wrong with it, what of it is new."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from console.request import Request
from console.words import parse, sentence
from slowmatch.http import timestamps
from slowmatch.http.texts import without_nul
from slowmatch.records import rules

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
_EXAMPLE = "2026-12-31T12:00"

T = TypeVar("T")


@dataclass
class RecordForm:
    """`values` are shown again when there are `errors`: words by field."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def sent(cls, request: Request) -> "RecordForm":
        names = ("title", "expiry_date", "expiry_offset", "title_was", "expiry_was")
        return cls({name: request.value(name) for name in names})

    def read(self) -> tuple[str, datetime] | None:
        """Title and date, or None when one of them is wrong."""
        title = self._check("title", lambda text: without_nul(rules.title(text)))
        expiry_date = self._check("expiry_date", self._moment)
        return None if title is None or expiry_date is None else (title, expiry_date)

    def changes(self, title: str, expiry_date: datetime) -> tuple[str | None, datetime | None]:
        """What differs from what the form was filled with, so that it overwrites nobody else's change.

        The field has one line and whole minutes, which a record made elsewhere may not have.
        """
        same_title = _one_line(title) == _one_line(self.values["title_was"])
        same_date = f"{expiry_date:%Y-%m-%dT%H:%M}" == minute(self.values["expiry_was"])
        return None if same_title else title, None if same_date else expiry_date

    def _check(self, name: str, rule: Callable[[str], T]) -> T | None:
        try:
            return rule(self.values[name])
        except ValueError as error:
            self.errors[name] = sentence(str(error))
            return None

    def _moment(self, local: str) -> datetime:
        """Without an offset, which only a script knows, the time is taken for UTC, as the label says then."""
        if not local:
            raise ValueError("is required")
        if not _LOCAL.fullmatch(local):
            raise ValueError(f"must be a date and time such as {_EXAMPLE}")
        return timestamps.parse(local + (self.values["expiry_offset"] or "Z"))


def blank() -> RecordForm:
    return RecordForm({})


def filled(title: str, expiry_date: str) -> RecordForm:
    """For a record as it is now."""
    return RecordForm(
        {
            "title": title,
            "title_was": title,
            "expiry_date": minute(expiry_date),
            "expiry_was": expiry_date,
        }
    )


def minute(moment: str) -> str:
    """An ISO time as <input type=datetime-local> wants it, in UTC; nothing for what is none."""
    try:
        return f"{parse(moment):%Y-%m-%dT%H:%M}"
    except (ValueError, OverflowError):
        return ""


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").strip()
