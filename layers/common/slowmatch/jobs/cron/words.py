"""A schedule expression in plain English: `cron(30 7 ? * MON-FRI *)` is "Monday to Friday at 07:30 UTC"."""

import calendar
import re

from slowmatch.jobs.cron.schedule import WEEKDAYS, understood

ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
NAMED_DAYS = {
    "L": "on the last day of every month",
    "LW": "on the last weekday (Monday to Friday) of every month",
}


def words(expression: str) -> str:
    """The schedule in words, or the expression itself where words would be longer than it is."""
    if understood(expression) is None:
        return expression
    rate = re.fullmatch(r"rate\((\d+) (\w+)\)", expression.strip())
    if rate:
        return f"every {rate[2]}" if rate[1] == "1" else f"every {rate[1]} {rate[2]}"
    minute, hour, days, month, weekdays, year = expression.strip()[5:-1].upper().split()
    on, at = _on(days, weekdays), _at(minute, hour)
    if on is None or at is None or month != "*" or year != "*":
        return expression
    if at.startswith("every"):
        return at if on == "every day" else f"{at}, {on}"
    return f"{on} {at}"


def _at(minute: str, hour: str) -> str | None:
    every = re.fullmatch(r"(?:\*|0)/(\d+)", minute)
    if hour == "*":
        if minute == "*" or (every and every[1] == "1"):
            return "every minute"
        if every:
            return f"every {every[1]} minutes" if 60 % int(every[1]) == 0 else None
        return _past("every hour", minute)
    some = re.fullmatch(r"(?:\*|0)/(\d+)", hour)
    if some:
        if 24 % int(some[1]):
            return None
        return _past("every hour" if some[1] == "1" else f"every {some[1]} hours", minute)
    if not minute.isdigit():
        return None
    span = re.fullmatch(r"(\d+)-(\d+)", hour)
    if span:
        return f"every hour from {_clock(span[1], minute)} to {_clock(span[2], minute)} UTC"
    hours = hour.split(",")
    if not all(each.isdigit() for each in hours):
        return None
    return f"at {_listed([_clock(each, minute) for each in hours])} UTC"


def _past(every: str, minute: str) -> str | None:
    minutes = minute.split(",")
    if not all(each.isdigit() for each in minutes):
        return None
    if minutes == ["0"]:
        return f"{every}, on the hour"
    unit = "minute" if minutes == ["1"] else "minutes"
    return f"{every}, {_listed([str(int(each)) for each in minutes])} {unit} past"


def _on(days: str, weekdays: str) -> str | None:
    if weekdays == "?":
        if days == "*":
            return "every day"
        if days in NAMED_DAYS:
            return NAMED_DAYS[days]
        listed = days.split(",")
        if not all(day.isdigit() for day in listed):
            return None
        return f"on the {_listed([_ordinal(int(day)) for day in listed])} of every month"
    if weekdays in ("*", "SUN-SAT", "1-7"):
        return "every day"
    span = weekdays.split("-")
    if len(span) == 2:
        first, last = (_weekday(day) for day in span)
        return f"{first} to {last}" if first and last else None
    names = [_weekday(day) for day in weekdays.split(",")]
    found = [name for name in names if name]
    if len(found) != len(names):
        return None
    return "every " + _listed(found)


def _weekday(text: str) -> str | None:
    number = WEEKDAYS.get(text) or (int(text) if text.isdigit() else None)
    return calendar.day_name[(number - 2) % 7] if number else None


def _clock(hour: str, minute: str) -> str:
    return f"{int(hour):02}:{int(minute):02}"


def _ordinal(day: int) -> str:
    return f"{day}{ORDINALS.get(day, 'th')}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
