"""Kinds of fields: what a job's payload or settings may hold, as JSON, and how a form's text becomes it.

Every field has a description, and may have a default. A field without a default may be left out unless it is
`required`.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, ClassVar

MAX_TEXT_CHARACTERS = 10_000
MAX_ADDRESS_CHARACTERS = 254
"""RFC 5321: a path has at most 256 octets, its angle brackets included."""


@dataclass(frozen=True)
class Field(ABC):
    """One field of a payload or of a job's settings."""

    kind: ClassVar[str]

    description: str
    default: Any = field(default=None, kw_only=True)
    required: bool = field(default=False, kw_only=True)

    def flaw(self) -> str | None:
        """What is wrong with the definition itself, or None."""
        if not self.description:
            return "needs a description"
        if self.required and self.default is not None:
            return f"is required, so its default {self.default!r} would never be used"
        problem = None if self.default is None else self.problem(self.default)
        return problem and f"its default is {self.default!r}: {problem}"

    @abstractmethod
    def problem(self, value: Any) -> str | None:
        """Why `value` is not accepted, as a predicate such as "must be true or false", or None."""

    def from_text(self, text: str) -> Any:
        """The JSON value of what was typed. A text of the wrong form stays one, and `problem` says what is wrong."""
        return text

    def to_text(self, value: Any) -> str:
        """What would be typed to get `value`."""
        return str(value)

    @property
    def bounds(self) -> dict[str, Any]:
        """What limits the values, by the names that JSON Schema has for it."""
        return {}


@dataclass(frozen=True)
class Boolean(Field):
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

    def flaw(self) -> str | None:
        return _range_flaw(self.low, self.high) or super().flaw()

    def problem(self, value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = whole and self.low <= value <= self.high
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

    def flaw(self) -> str | None:
        return _range_flaw(self.low, self.high) or super().flaw()

    def problem(self, value: Any) -> str | None:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        fits = number and self.low <= value <= self.high
        return None if fits else f"must be a number from {self.low:g} to {self.high:g}"

    def from_text(self, text: str) -> Any:
        return float(text) if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text) else text

    def to_text(self, value: Any) -> str:
        return f"{value:g}"

    @property
    def bounds(self) -> dict[str, Any]:
        return {"minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Text(Field):
    """1 to `max_characters` characters; NUL is none, since PostgreSQL stores it nowhere."""

    kind = "text"

    max_characters: int = 1_000

    def flaw(self) -> str | None:
        if not 1 <= self.max_characters <= MAX_TEXT_CHARACTERS:
            return f"max_characters is {self.max_characters}: must be from 1 to {MAX_TEXT_CHARACTERS:,}"
        return super().flaw()

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, str) and 1 <= len(value) <= self.max_characters and _can_be_stored(value)
        return None if fits else f"must be a text of 1 to {self.max_characters:,} characters"

    @property
    def bounds(self) -> dict[str, Any]:
        return {"minLength": 1, "maxLength": self.max_characters}


@dataclass(frozen=True)
class Choice(Field):
    kind = "choice"

    choices: Sequence[str]

    def flaw(self) -> str | None:
        if isinstance(self.choices, str) or len(set(self.choices)) < 2 or not all(self.choices):
            return f"choices is {self.choices!r}: must be a list of two different texts or more"
        return super().flaw()

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, str) and value in self.choices
        return None if fits else f"must be one of {', '.join(self.choices)}"

    @property
    def bounds(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


@dataclass(frozen=True)
class Date(Field):
    """A day of the calendar, as text: 2026-12-31."""

    kind = "date"

    def problem(self, value: Any) -> str | None:
        return None if _is_date(value) else "must be a date such as 2026-12-31"


@dataclass(frozen=True)
class Time(Field):
    """A time of day without a zone, as text: 07:30."""

    kind = "time"

    def problem(self, value: Any) -> str | None:
        return None if _is_time(value) else "must be a time such as 07:30"


@dataclass(frozen=True)
class Addresses(Field):
    """A list of e-mail addresses, at least one."""

    kind = "addresses"

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, list) and bool(value) and all(_is_address(item) for item in value)
        return None if fits else "must be a list of e-mail addresses"

    def from_text(self, text: str) -> Any:
        return text.replace(",", " ").replace(";", " ").split()

    def to_text(self, value: Any) -> str:
        return ", ".join(value)


@dataclass(frozen=True)
class Secret(Field):
    """For settings only: the name of a secret in Secrets Manager, never the secret itself."""

    kind = "secret"

    def problem(self, value: Any) -> str | None:
        fits = isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,39}", value)
        return (
            None
            if fits
            else (
                "must be a secret's name, not the secret itself: at most 40 lower-case letters, digits, hyphens"
            )
        )


def _range_flaw(low: float, high: float) -> str | None:
    return f"low is {low} and high is {high}: low must not be above high" if low > high else None


def _can_be_stored(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 5 and time.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _is_address(value: Any) -> bool:
    fits = isinstance(value, str) and len(value) <= MAX_ADDRESS_CHARACTERS
    return fits and value.count("@") == 1 and value.isprintable()
