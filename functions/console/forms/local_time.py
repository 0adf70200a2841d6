"""A local time as a person typed it, converted to the instant that it means.

Only the browser knows the person's time zone. So beside the local time `<name>` a form sends `<name>_offset`: the UTC
offset of the zone at that time, or both offsets if the clocks change so that the time occurs twice or never. Without
scripts it is empty, and the time is UTC. `<name>_at` is the instant that the field was filled with, or the one that
the person chose when the form asked.
"""

import re
from datetime import datetime
from functools import partial

from console.forms.form import Form, Reading
from slowmatch.http.validation import parse_timestamp

_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
_INSTANT = re.compile(r".+([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def read(form: Form, name: str) -> Reading | None:
    """The time in the field `name`; None if it is wrong or ambiguous, with an entry in `errors` and `choices`."""
    return form.value(name, partial(_read, form, name))


def is_instant(text: str) -> bool:
    """Whether it is a time with its offset."""
    return bool(_INSTANT.fullmatch(text))


def _read(form: Form, name: str, local: str) -> Reading:
    if not local:
        raise ValueError("is required")
    if is_instant(local):
        at = parse_timestamp(local)
        return Reading(at, f"{at:%Y-%m-%dT%H:%M}", "Z")
    if not _LOCAL.fullmatch(local):
        raise ValueError("must be a date and time such as 2026-12-31T12:00")
    offsets = (form.values.get(f"{name}_offset") or "Z").split(",")[:2]
    readings = [Reading(parse_timestamp(local + offset), local, offset) for offset in offsets]
    occurs_twice = readings[0].at < readings[-1].at
    if len(readings) == 2 and not occurs_twice:
        readings = _readings_of_skipped_time(*readings)
    chosen = _instant(form.values.get(f"{name}_at", ""))
    for reading in readings:
        if chosen is not None and _minute(chosen) == _minute(reading.at):
            return reading._replace(at=chosen)
    if len(readings) == 1:
        return readings[0]
    form.choices[name] = readings
    time = local.partition("T")[2]
    if occurs_twice:
        raise ValueError(
            f"{time} occurs twice on that day, because the clocks go back: choose which one you mean"
        )
    raise ValueError(f"{time} does not exist on that day, because the clocks go forward: choose another time")


def _readings_of_skipped_time(before: Reading, after: Reading) -> list[Reading]:
    """The times before and after the clocks go forward that have the two offsets."""
    skipped = before.at - after.at
    local = datetime.fromisoformat(before.local)
    try:
        earlier, later = ((local + shift).isoformat(timespec="minutes") for shift in (-skipped, skipped))
    except OverflowError as error:
        raise ValueError("must be between the years 1970 and 9999 (UTC)") from error
    return [Reading(after.at, earlier, before.offset), Reading(before.at, later, after.offset)]


def _instant(text: str) -> datetime | None:
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


def _minute(at: datetime) -> datetime:
    """The fields show no seconds."""
    return at.replace(second=0, microsecond=0)
