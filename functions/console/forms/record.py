"""The form of a record: what was typed, what is wrong with it, what of it is new."""

from dataclasses import dataclass, field
from datetime import datetime

from console.forms import local_time
from console.forms.local_time import Readings
from console.views.formatting import minute
from console.web.request import Request
from slowmatch.http.validation import without_nul
from slowmatch.records.model import valid_title


@dataclass
class RecordForm:
    """`values` are shown again when there are `errors`: words by field. `choices` are what an unclear time may mean."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Readings] = field(default_factory=dict)

    @classmethod
    def sent(cls, request: Request) -> "RecordForm":
        names = ("title", "expiry_date", "expiry_date_offset", "expiry_date_at", "title_was", "expiry_was")
        return cls({name: request.value(name) for name in names})

    def read(self) -> tuple[str, datetime] | None:
        """Title and date, or None when one of them is wrong."""
        title, expiry_date = self._title(), local_time.read(self, "expiry_date")
        return None if title is None or expiry_date is None else (title, expiry_date.at)

    def changes(self, title: str, expiry_date: datetime) -> tuple[str | None, datetime | None]:
        """What differs from what the form was filled with, so that it overwrites nobody else's change.

        The field has one line and whole minutes, which a record made elsewhere may not have.
        """
        same_title = _one_line(title) == _one_line(self.values["title_was"])
        same_date = minute(expiry_date) == minute(self.values["expiry_was"])
        return None if same_title else title, None if same_date else expiry_date

    def _title(self) -> str | None:
        try:
            return without_nul(valid_title(self.values["title"]))
        except ValueError as error:
            self.errors["title"] = str(error)
            return None


def blank() -> RecordForm:
    return RecordForm({})


def filled(title: str, expiry_date: str) -> RecordForm:
    """For a record as it is now."""
    return RecordForm({"title": title, "title_was": title, "expiry_was": expiry_date})


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").strip()
