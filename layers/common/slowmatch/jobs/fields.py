"""The kinds of fields of payloads and settings. Each checks a JSON value, and converts the text of a form to one."""

import math
import re
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from slowmatch.text import NUL_OR_SURROGATE

MAX_TEXT_CHARACTERS = 10_000
MAX_ADDRESS_CHARACTERS = 254
"""RFC 5321: a path has at most 256 octets, its angle brackets included."""
SECRET_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")

# As HTML's number inputs send it: https://html.spec.whatwg.org/#valid-floating-point-number
_NUMBER = re.compile(r"-?([0-9]{1,18}(\.[0-9]{1,18})?|\.[0-9]{1,18})([eE][-+]?[0-9]{1,3})?")
_ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+")


@dataclass(frozen=True)
class Field(ABC):
    """A field of a job's payload, or one of its settings.

    A payload may leave out a field that is not `required`. A setting needs a value or a default.
    """

    kind: ClassVar[str]
    is_hidden: ClassVar[bool] = False
    """Whether error messages, which every viewer can read, leave out the value."""

    description: str
    default: Any = field(default=None, kw_only=True)
    required: bool = field(default=False, kw_only=True)

    def config_error(self) -> str | None:
        """What is wrong with the definition itself, or None."""
        if not is_text(self.description):
            return f"its description is {self.description!r}: must be a non-empty string"
        if self.default is None:
            return None
        if self.required:
            return f"is required, so its default {self.shown(self.default)} would never be used"
        problem = self.problem(self.default)
        return problem and f"its default is {self.shown(self.default)}: {problem}"

    def shown(self, value: Any) -> str:
        """A wrong `value` as an error message shows it."""
        return "a value that is not shown here" if self.is_hidden else reprlib.repr(value)

    @abstractmethod
    def problem(self, value: Any) -> str | None:
        """Why `value` is not accepted, as a predicate such as "must be true or false", or None."""

    def from_text(self, text: str) -> Any:
        """Convert the text of a form to a JSON value. `problem` refuses text that cannot be converted."""
        return text

    def to_text(self, value: Any) -> str:
        """The text that a form shows for `value`."""
        return str(value)

    @property
    def bounds(self) -> dict[str, Any]:
        """The limits of the values, named as in JSON Schema."""
        return {}


@dataclass(frozen=True)
class Boolean(Field):
    """True or false."""

    kind = "boolean"

    def problem(self, value: Any) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"

    def from_text(self, text: str) -> Any:
        return {"true": True, "on": True, "false": False}.get(text.lower(), text)

    def to_text(self, value: Any) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Integer(Field):
    """A whole number from `low` to `high`, both included."""

    kind = "integer"

    low: int
    high: int

    def config_error(self) -> str | None:
        return _range_error(self.low, self.high, whole=True) or super().config_error()

    def problem(self, value: Any) -> str | None:
        fits = is_whole(value, self.low, self.high)
        return None if fits else f"must be a whole number from {self.low} to {self.high}"

    def from_text(self, text: str) -> Any:
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text

    @property
    def bounds(self) -> dict[str, Any]:
        return {"minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Number(Field):
    """A number from `low` to `high`, both included."""

    kind = "number"

    low: float
    high: float

    def config_error(self) -> str | None:
        return _range_error(self.low, self.high, whole=False) or super().config_error()

    def problem(self, value: Any) -> str | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number and self.low <= value <= self.high  # false for NaN and infinity
        return None if fits else f"must be a number from {self.low} to {self.high}"

    def from_text(self, text: str) -> Any:
        return float(text) if _NUMBER.fullmatch(text) else text

    @property
    def bounds(self) -> dict[str, Any]:
        return {"minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Text(Field):
    """1 to `max_characters` characters that PostgreSQL can store."""

    kind = "text"

    max_characters: int = 1_000

    def config_error(self) -> str | None:
        if not is_whole(self.max_characters, 1, MAX_TEXT_CHARACTERS):
            return f"max_characters is {self.max_characters!r}: must be from 1 to {MAX_TEXT_CHARACTERS:,}"
        return super().config_error()

    def problem(self, value: Any) -> str | None:
        if not isinstance(value, str) or not 1 <= len(value) <= self.max_characters:
            return f"must be a string of 1 to {self.max_characters:,} characters"
        return "must be a string without NUL or lone surrogates" if NUL_OR_SURROGATE.search(value) else None

    @property
    def bounds(self) -> dict[str, Any]:
        return {"minLength": 1, "maxLength": self.max_characters}


@dataclass(frozen=True)
class Choice(Field):
    """One of `choices`."""

    kind = "choice"

    choices: Sequence[str]

    def config_error(self) -> str | None:
        choices = self.choices if isinstance(self.choices, list | tuple) else ()
        texts = {choice for choice in choices if isinstance(choice, str) and choice}
        if not len(choices) == len(texts) >= 2:
            return f"choices is {self.choices!r}: must be a list of two or more different strings"
        return super().config_error()

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, str) and value in self.choices
        return None if fits else f"must be one of {', '.join(self.choices)}"

    @property
    def bounds(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


@dataclass(frozen=True)
class Date(Field):
    """A calendar day, as text: 2026-12-31."""

    kind = "date"

    def problem(self, value: Any) -> str | None:
        return None if _is_date(value) else "must be a date such as 2026-12-31"


@dataclass(frozen=True)
class Time(Field):
    """A time of day without a zone, as text: 07:30."""

    kind = "time"

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, str) and re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value)
        return None if fits else "must be a time such as 07:30"


@dataclass(frozen=True)
class Addresses(Field):
    """A list of e-mail addresses, at least one."""

    kind = "addresses"

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, list) and bool(value) and all(_is_address(item) for item in value)
        return None if fits else "must be a list of email addresses"

    def from_text(self, text: str) -> Any:
        return text.replace(",", " ").replace(";", " ").split()

    def to_text(self, value: Any) -> str:
        return ", ".join(value)


@dataclass(frozen=True)
class Secret(Field):
    """The name of a secret in Secrets Manager. For settings only."""

    kind = "secret"
    is_hidden = True

    def problem(self, value: Any) -> str | None:
        if isinstance(value, str) and SECRET_NAME.fullmatch(value):
            return None
        return (
            "must be the secret's name, not the secret itself: a lower-case letter, then up to 39 lower-case"
            " letters, digits and hyphens"
        )


FIELD_KINDS = ", ".join(sorted(kind.__name__ for kind in Field.__subclasses__()))
"""For error messages."""


def is_text(value: Any) -> bool:
    """Whether it is text, and not empty."""
    return isinstance(value, str) and value != ""


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether it is a whole number from `low` to `high`. Python counts True and False as numbers, JSON does not."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _range_error(low: Any, high: Any, *, whole: bool) -> str | None:
    for name, value in (("low", low), ("high", high)):
        finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        if not finite or (whole and isinstance(value, float)):
            return f"{name} is {value!r}: must be a {'whole ' if whole else ''}number"
    return f"low is {low} and high is {high}: low must not be above high" if low > high else None


def _is_date(value: Any) -> bool:
    try:
        return bool(
            value == date.fromisoformat(value).isoformat()
        )  # other forms, such as 2026-W01-1, are valid too
    except (TypeError, ValueError):
        return False


def _is_address(value: Any) -> bool:
    fits = isinstance(value, str) and len(value) <= MAX_ADDRESS_CHARACTERS
    return fits and value.isprintable() and bool(_ADDRESS.fullmatch(value))
