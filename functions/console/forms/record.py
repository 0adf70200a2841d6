"""The form that creates or edits a record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.forms import local_time
from console.forms.form import Form
from console.web.formatting import input_value
from console.web.request import Request
from slowmatch.http.validation import without_nul
from slowmatch.records.model import valid_title

FIELDS = ("title", "expiry_date", "expiry_date_offset", "expiry_date_at", "title_was", "expiry_was")


@dataclass
class RecordForm(Form):
    """`title_was` and `expiry_was` are the values that the form was filled with."""

    @classmethod
    def submitted(cls, request: Request) -> "RecordForm":
        return cls({name: request.value(name) for name in FIELDS})

    @classmethod
    def of(cls, record: dict[str, Any]) -> "RecordForm":
        """The form that edits `record`."""
        title, expiry_date = record["title"], record["expiry_date"]
        return cls({"title": title, "title_was": title, "expiry_was": expiry_date})

    @classmethod
    def filled(cls, title: str, expiry_date: datetime) -> "RecordForm":
        """The form that creates a record, with these values."""
        return cls({"title": title, "expiry_was": expiry_date.isoformat()})

    def read(self) -> tuple[str, datetime] | None:
        """Title and expiry date; None if one of them is wrong."""
        expiry_date = local_time.read(self, "expiry_date")
        title = self.value("title", lambda text: without_nul(valid_title(text)))
        return (title, expiry_date.at) if title and expiry_date else None

    def changes(self, title: str, expiry_date: datetime) -> tuple[str | None, datetime | None]:
        """Only what the person changed; None for the rest.

        The inputs have one line and whole minutes, but a record that was made elsewhere may have more.
        """
        same_title = _one_line(title) == _one_line(self.values["title_was"])
        same_date = input_value(expiry_date) == input_value(self.values["expiry_was"])
        return None if same_title else title, None if same_date else expiry_date

    def is_outdated(self, record: dict[str, Any]) -> bool:
        """Whether somebody else has changed the record since the form was filled with it."""
        title, expiry_date = self.values["title_was"], self.values["expiry_was"]
        if not title and not expiry_date:
            return False  # a program that sends the fields only
        return expiry_date != record["expiry_date"] or _one_line(title) != _one_line(record["title"])


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").strip()
