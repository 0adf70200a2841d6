"""The form that creates or edits a record."""

from dataclasses import dataclass
from datetime import datetime

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

    def read(self) -> tuple[str, datetime] | None:
        """Title and expiry date; None if one of them is wrong."""
        expiry_date = local_time.read(self, "expiry_date")
        title = self.value("title", lambda text: without_nul(valid_title(text)))
        return (title, expiry_date.at) if title and expiry_date else None

    def changes(self, title: str, expiry_date: datetime) -> tuple[str | None, datetime | None]:
        """Only what the person changed, so that saving does not overwrite the changes of others.

        The inputs have one line and whole minutes, but a record that was made elsewhere may have more.
        """
        same_title = _one_line(title) == _one_line(self.values["title_was"])
        same_date = input_value(expiry_date) == input_value(self.values["expiry_was"])
        return None if same_title else title, None if same_date else expiry_date


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").strip()
