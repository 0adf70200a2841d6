"""A local time as a person types it, read as the instant that it means.

Only the browser knows the person's time zone, so beside the local time `<name>` a form sends `<name>_offset`: the
offset that the zone has then, or, around a change of the clocks that makes the time come twice or never, the offsets
before and after it. Without scripts it is empty, and the time is in UTC. `<name>_at` is the instant that the field was
filled with, or the one that was chosen when the form asked.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from slowmatch.http.validation import parse_timestamp

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
_INSTANT = re.compile(r".+([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EXAMPLE = "2026-12-31T12:00"


class Reading(NamedTuple):
    """An instant, with the local time and the offset that show it."""

    at: datetime
    local: str
    offset: str

    @property
    def words(self) -> str:
        return f"{self.local.replace('T', ' ')} ({'UTC' if self.offset == 'Z' else f'UTC{self.offset}'})"


Readings = list[Reading]


class Form(Protocol):
    """`choices` are what the form offers beside the error of an unclear time."""

    values: dict[str, str]
    errors: dict[str, str]
    choices: dict[str, Readings]


class _UnclearTime(ValueError):
    """A local time that comes twice, or never, because the clocks change. `readings` are offered instead."""

    def __init__(self, message: str, readings: Readings) -> None:
        super().__init__(message)
        self.readings = readings


def read(form: Form, name: str) -> Reading | None:
    """What the field `name` means; None when it is wrong or unclear, which `errors` and `choices` then say."""
    try:
        return _read(form.values, name)
    except ValueError as error:
        form.errors[name] = str(error)
        if isinstance(error, _UnclearTime):
            form.choices[name] = error.readings
        return None


def _read(values: Mapping[str, str], name: str) -> Reading:
    local = values.get(name, "")
    if not local:
        raise ValueError("is required")
    if _INSTANT.fullmatch(local):
        at = parse_timestamp(local)
        return Reading(at, f"{at:%Y-%m-%dT%H:%M}", "Z")
    if not _LOCAL.fullmatch(local):
        raise ValueError(f"must be a date and time such as {_EXAMPLE}")
    offsets = (values.get(f"{name}_offset") or "Z").split(",")[:2]
    readings = [Reading(parse_timestamp(local + offset), local, offset) for offset in offsets]
    comes_twice = readings[0].at < readings[-1].at
    if len(readings) == 2 and not comes_twice:
        readings = _neighbours(*readings)
    known = _instant(values.get(f"{name}_at", ""))
    for reading in readings:
        if known is not None and _minute(known) == _minute(reading.at):
            return reading._replace(at=known)
    if len(readings) == 1:
        return readings[0]
    time = local.partition("T")[2]
    if comes_twice:
        message = f"{time} comes twice on that day, because the clocks go back: choose which one you mean"
    else:
        message = f"there is no {time} on that day, because the clocks go forward: choose another time"
    raise _UnclearTime(message, readings)


def _neighbours(before: Reading, after: Reading) -> Readings:
    """A skipped time read with the offset before the change is a time after it, and the other way round."""
    skipped = before.at - after.at
    local = datetime.fromisoformat(before.local)
    try:
        earlier, later = ((local + shift).isoformat(timespec="minutes") for shift in (-skipped, skipped))
    except OverflowError as error:
        raise ValueError("must be in the years 1970 to 9999 (UTC)") from error
    return [Reading(after.at, earlier, before.offset), Reading(before.at, later, after.offset)]


def _instant(text: str) -> datetime | None:
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


def _minute(at: datetime) -> datetime:
    """Fields of forms show no seconds."""
    return at.replace(second=0, microsecond=0)
