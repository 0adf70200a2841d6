"""What all forms of the console have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Reading(NamedTuple):
    """What a local time may mean: an instant, and the local time and UTC offset that show it."""

    at: datetime
    local: str
    offset: str

    @property
    def text(self) -> str:
        return f"{self.local.replace('T', ' ')} ({'UTC' if self.offset == 'Z' else f'UTC{self.offset}'})"


def whole_number(text: str, maximum: int) -> int:
    """The number from 1 to `maximum` that `text` is; 0 for anything else."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number <= maximum else 0


@dataclass
class Form:
    """The fields as typed, and by field what is wrong and what an ambiguous time may mean."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[Reading]] = field(default_factory=dict)

    def value(self, name: str, convert: Callable[[str], T]) -> T | None:
        """What `convert` makes of a field; None if it raises ValueError, whose message is the field's error."""
        try:
            return convert(self.values.get(name, ""))
        except ValueError as error:
            self.errors[name] = str(error)
            return None
